"""Every block of the README does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from running_server import Server

PACKAGE = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text("utf-8"), re.DOTALL)


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(
    number: int,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    code = compile(BLOCKS[number], f"README.md, block {number + 1}", "exec")
    exec(code, {"__name__": "__main__"})
    # What a line says that it prints, it prints.
    printed = capsys.readouterr().out.split("\n")
    for said in re.findall(r"print\(.*\)  # (.+)", BLOCKS[number]):
        assert said in printed
