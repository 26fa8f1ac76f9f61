"""Patterns, what git says, recipes and their context: what needs no server."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from pandastack import GitChange, GitStatus, InvalidRequestError, PandaStackError, Template
from pandastack.build_context import build_form, collect_context, open_image, open_rootfs
from pandastack.findings import match_of
from pandastack.globs import glob_to_regex, name_of
from pandastack.repositories import parse_status


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("*.ts", ["a.ts", "deep/er/a.ts"], ["a.tsx", "ts"]),
        ("src/*.ts", ["src/a.ts"], ["src/deep/a.ts", "a.ts"]),
        ("src/**/*.ts", ["src/a.ts", "src/deep/er/a.ts"], ["lib/a.ts"]),
        ("**/test/**", ["test/a", "x/test/y/z"], ["tests/a"]),
        ("*.{ts,tsx}", ["a.ts", "x/a.tsx"], ["a.js"]),
        ("a?c.[!x]", ["abc.y"], ["abc.x", "ac.y"]),
        ("[a\\d]", ["a", "d", "\\"], ["1"]),
        ("/abs.(x)+", ["abs.(x)+"], ["absx"]),
    ],
)
def test_a_glob_fits(glob: str, yes: list[str], no: list[str]) -> None:
    fits = glob_to_regex(glob)
    assert [path for path in yes if not fits.fullmatch(path)] == []
    assert [path for path in no if fits.fullmatch(path)] == []


def test_a_glob_that_is_none_says_so() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        glob_to_regex("[z-a]")
    assert caught.value.code == "client.bad_pattern"
    # One that is not closed is a letter.
    assert glob_to_regex("a[b").fullmatch("a[b")


def test_knows_what_find_can_tell_apart_by_the_name() -> None:
    assert [*map(name_of, ["*.ts", "src/**/a?.py", "*.{a,b}", "x/**"])] == ["*.ts", "a?.py", "*", "*"]


def test_reads_lines_that_match() -> None:
    found = match_of(f"/a:1\x007:{'x' * 2000}")
    assert found is not None
    assert (found.path, found.line, len(found.text)) == ("/a:1", 7, 1000)
    assert match_of("nonsense") is None


def test_reads_how_far_a_branch_is_from_its_remote_and_conflicts() -> None:
    entries = [
        "# branch.oid 1234",
        "# branch.head main",
        "# branch.upstream origin/main",
        "# branch.ab +2 -3",
        "u UU N... 100644 100644 100644 100644 1 2 3 a b c",
        "",
    ]
    assert parse_status("\0".join(entries)) == GitStatus("main", "origin/main", 2, 3, [GitChange("a b c", "U", "U")])
    assert parse_status("# branch.head (detached)\0").branch is None


def test_a_template_has_its_steps_in_order_and_each_call_answers_a_new_one() -> None:
    base = Template.from_("base").run(["one", "two"])
    full = (
        base.copy("a", "/b", mode="755")
        .env({"A": "1"})
        .user("me")
        .start("go")
        .ready("ask", timeout_seconds=5)
        .size(cpu=2)
    )
    assert full.recipe == {
        "from": "base",
        "steps": [
            {"run": "one && two"},
            {"copy": {"from": ["a"], "to": "/b", "mode": "755"}},
            {"env": {"A": "1"}},
            {"user": "me"},
        ],
        "start": "go",
        "ready": "ask",
        "ready_timeout_seconds": 5,
        "cpu": 2,
    }
    assert len(base.recipe["steps"]) == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/run").write_text("x")
    (tmp_path / "src/run").chmod(0o755)
    return tmp_path


def test_a_context_is_every_wanted_file_with_its_mode_and_links_followed(folder: Path) -> None:
    (folder / "secret").write_text("y")
    (folder / "linked").symlink_to("src")
    files = collect_context(folder, lambda path: path != "secret")
    assert {path: file.mode for path, file in files.items()} == {"linked/run": 0o755, "src/run": 0o755}
    assert [(part.name, part.file_name) for part in build_form({"name": "n"}, files)] == [
        ("name", None),
        ("linked/run", "mode=755;run"),
        ("src/run", "mode=755;run"),
    ]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/etc", "leads out of the build context"),
        ("link", "leads to itself"),
        ("none", "leads nowhere"),
        (".", "leads back to a folder that it is in"),
    ],
)
def test_a_link_that_cannot_be_sent_is_refused_by_name(folder: Path, target: str, why: str) -> None:
    (folder / "link").symlink_to(target)
    with pytest.raises(PandaStackError, match=f"link: this link {why}") as caught:
        collect_context(folder, None)
    assert caught.value.code == "client.local_file"
    if target != ".":
        assert [*collect_context(folder, lambda path: path != "link")] == ["src/run"]


def test_a_context_that_is_too_large_or_not_there_says_so(folder: Path) -> None:
    with (folder / "large").open("wb") as file:
        file.truncate(51 * 1024 * 1024)
    with pytest.raises(PandaStackError, match="more than 50 MiB"):
        collect_context(folder, None)
    with pytest.raises(PandaStackError, match="cannot read"):
        collect_context(folder / "none", None)


def test_stages_come_before_what_copies_out_of_them_and_the_same_one_is_built_once() -> None:
    compiler = Template.from_("base").run("make")
    checked = Template.from_("other").copy_from(compiler, "/out", "/in").run("check")
    full = Template.from_("base").copy_from(compiler, "/out", "/a").copy_from(checked, ["/x"], "/b", mode="755")
    assert full.copy_from("registry.example.com/tool:1", "/tool", "/c").recipe == {
        "from": "base",
        "stages": [
            {"name": "stage-1", "from": "base", "steps": [{"run": "make"}]},
            {
                "name": "stage-2",
                "from": "other",
                "steps": [{"copy": {"from": ["/out"], "to": "/in", "source": "stage-1"}}, {"run": "check"}],
            },
        ],
        "steps": [
            {"copy": {"from": ["/out"], "to": "/a", "source": "stage-1"}},
            {"copy": {"from": ["/x"], "to": "/b", "mode": "755", "source": "stage-2"}},
            {"copy": {"from": ["/tool"], "to": "/c", "source": "registry.example.com/tool:1"}},
        ],
    }


def test_a_layout_is_sent_as_one_archive_and_a_file_as_it_is(folder: Path) -> None:
    with open_image(folder) as archive, tarfile.open(fileobj=archive) as packed:
        assert packed.getnames() == ["src/run"]
    with open_image(folder / "src/run") as file:
        assert file.read() == b"x"
    for path in (folder / "none", folder):
        with pytest.raises(PandaStackError) as caught:
            open_rootfs(path)
        assert caught.value.code == "client.local_file"
