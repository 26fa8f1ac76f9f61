"""The package as a whole: generated half, types, style, what a wheel has, and whether it speaks the server's language."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import tarfile
import types
import typing
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest
from running_server import Server

import pandastack
from pandastack import hints, models

PACKAGE = Path(__file__).resolve().parents[1]

# Model → schema of the server's contract.
SCHEMAS: dict[type[models.Model], str] = {
    models.SandboxInfo: "Sandbox",
    models.LifecycleInfo: "Lifecycle",
    models.PromoteResult: "PromoteReply",
    models.SnapshotInfo: "Snapshot",
    models.NetworkInfo: "SandboxNetwork",
    models.NetworkCounters: "NetworkCounters",
    models.RefusedConnection: "RefusedConnection",
    models.MetricsInfo: "SandboxMetrics",
    models.EventInfo: "Event",
    models.FileInfo: "FileInfo",
    models.ProcessInfo: "Process",
    models.PortInfo: "Port",
    models.PreviewLink: "PreviewToken",
    models.VolumeInfo: "Volume",
    models.TemplateInfo: "Template",
    models.TemplateBuildInfo: "TemplateBuild",
    models.TemplateTagInfo: "TemplateTag",
    models.TemplateVersionInfo: "TemplateVersion",
    models.HostInfo: "Host",
    models.Me: "Me",
    models.TokenInfo: "Token",
    models.CreatedTokenInfo: "CreatedToken",
    models.WorkspaceInfo: "Workspace",
    models.WorkspaceLimits: "WorkspaceLimits",
    models.WorkspaceUsage: "WorkspaceUsage",
    models.WorkspaceLimitsInfo: "WorkspaceLimitsReply",
    models.WorkspaceNetworkInfo: "WorkspaceNetwork",
    models.AuditInfo: "AuditEntry",
    models.IsolationInfo: "WorkspaceIsolation",
}


def run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=PACKAGE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_generated_half_is_current() -> None:
    run("scripts/generate_sync.py", "--check")


def test_is_typed_strictly() -> None:
    run("-m", "mypy", "--no-error-summary")


def test_is_in_style() -> None:
    run("-m", "ruff", "check", "--quiet", "--no-cache")
    run("-m", "ruff", "format", "--check", "--quiet", "--no-cache")


def test_a_wheel_has_the_package_and_nothing_else(tmp_path: Path) -> None:
    arguments = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(tmp_path)]
    run("-m", "pip", *arguments, str(PACKAGE))
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"pandastack-{pandastack.__version__}-py3-none-any.whl"
    info = f"pandastack-{pandastack.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"{info}/METADATA").decode()
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
        assert all(archive.read(name) for name in names if name.endswith(".py") and "__init__" not in name)
    source = PACKAGE / "src"
    wanted = [str(path.relative_to(source)) for path in source.rglob("*") if path.suffix in (".py", ".typed")]
    assert sorted(name for name in names if ".dist-info/" not in name) == sorted(wanted)
    assert "pandastack/py.typed" in names
    assert not any("test" in name for name in names)
    assert licence == (PACKAGE.parent / "LICENSE").read_text("utf-8")
    lines = metadata.split("\n")
    for line in ("Requires-Python: >=3.10", "License-Expression: Apache-2.0", "License-File: LICENSE"):
        assert line in lines
    # What a user gets with it, and nothing that only its makers need.
    needed = {line.split(":")[1].strip() for line in lines if line.startswith("Requires-Dist:")}
    names_needed = {each.split("<")[0].split(">")[0] for each in needed}
    assert names_needed == {"certifi", "httpx", "pydantic", "typing-extensions", "websockets"}
    assert "## A first look" in metadata


def test_a_source_distribution_has_what_a_wheel_is_made_of(tmp_path: Path) -> None:
    run("-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path))
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        names = {name.split("/", 1)[1] for name in content.getnames()}
    for name in (
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "src/pandastack/py.typed",
        "src/pandastack/_sync/sandbox.py",
    ):
        assert name in names
    assert not any(name.startswith(("tests", "scripts")) for name in names)


@pytest.fixture(scope="module")
def contract(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.url}/openapi.json") as answer:
        document: dict[str, Any] = json.load(answer)
    return document


@pytest.mark.parametrize("model", SCHEMAS, ids=lambda model: model.__name__)
def test_a_model_is_what_the_server_says(contract: dict[str, Any], model: type[models.Model]) -> None:
    schema = contract["components"]["schemas"][SCHEMAS[model]]
    for name, field in model.model_fields.items():
        assert name in schema["properties"], name
        if field.is_required():
            assert name in schema["required"], f"{name} may be missing"
        allows_none = type(None) in typing.get_args(field.annotation)
        assert allows_none or not is_nullable(schema["properties"][name]), f"{name} may be null"


def is_nullable(schema: dict[str, Any]) -> bool:
    kinds = schema.get("type", [])
    return "null" in (kinds if isinstance(kinds, list) else [kinds]) or any(map(is_nullable, schema.get("anyOf", [])))


def test_hints_are_for_codes_that_there_are(contract: dict[str, Any]) -> None:
    codes = contract["components"]["schemas"]["Error"]["properties"]["code"]["enum"]
    assert [code for code in hints.HINTS if not code.startswith("client.") and code not in codes] == []


def test_whatever_is_public_has_a_text_and_both_halves() -> None:
    bare = []
    for name in pandastack.__all__:
        value = getattr(pandastack, name)
        if not inspect.isclass(value) or not value.__module__.startswith("pandastack"):
            continue
        if not value.__doc__:
            bare.append(name)
        for member, function in vars(value).items():
            if isinstance(function, types.FunctionType) and not member.startswith("_") and not function.__doc__:
                bare.append(f"{name}.{member}")
        if name.startswith("Async"):
            twin = getattr(pandastack, name.removeprefix("Async"))
            words = {member.replace("aclose", "close") for member in vars(value) if not member.startswith("_")}
            assert words == {member for member in vars(twin) if not member.startswith("_")}, name
    # The signatures of `fork` have the text of the last of them.
    assert bare == []
