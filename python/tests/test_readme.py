"""What is written for people does what it says: every Python block of the READMEs, and the product's announcement."""

from __future__ import annotations

import gc
import re
import warnings
from pathlib import Path

import pytest
from running_server import Server

from pandastack import PandaStack

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent
ANNOUNCEMENT = (TESTS / "announcement.txt").read_text("utf-8")
# Kernels and git are real programs: these blocks run in `tests/e2e`, as all others do once more, on real sandboxes.
NEEDS_PROGRAMS = re.compile(r"run_code|git\.")


def blocks_of(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL)


# The fake server has nothing of the catalogue but `base`.
BLOCKS = [
    *blocks_of(PACKAGE / "README.md"),
    *blocks_of(PACKAGE.parent / "README.md"),
    *blocks_of(PACKAGE.parent / "docs/templates.md"),
    ANNOUNCEMENT.replace("code-interpreter", "base"),
]


def sandboxes(server: Server) -> set[str]:
    with PandaStack(server.token, base_url=server.url) as client:
        return {each.id for each in client.sandboxes.list()}


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 13


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(
    number: int,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if NEEDS_PROGRAMS.search(BLOCKS[number]):
        pytest.skip("the fake guest has no programs of its own")
    monkeypatch.chdir(tmp_path)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PANDASTACK_TOKEN", server.token)
    code = compile(BLOCKS[number], f"block {number + 1}", "exec")
    names: dict[str, object] = {"__name__": "__main__"}
    before = sandboxes(server)
    exec(code, names)
    # What the lines of a page leave to their reader goes with the test.
    with PandaStack(server.token, base_url=server.url) as client:
        for left in sandboxes(server) - before:
            client.sandboxes.kill(left)
    # A short program may leave its connections to the end of everything.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        names.clear()
        gc.collect()
    # What a line says that it prints, it prints.
    printed = capsys.readouterr().out.split("\n")
    for said in re.findall(r"print\(.*\)  # (.+)", BLOCKS[number]):
        assert said in printed
