"""What is written for people does what it says: every Python block of the READMEs, and the product's announcement."""

from __future__ import annotations

import gc
import re
import warnings
from pathlib import Path

import pytest
from running_server import Server

PACKAGE = Path(__file__).resolve().parents[1]

# Word for word, but for its template, which the server has not got yet, and for what removes its three sandboxes.
ANNOUNCEMENT = """
import os
from pandastack import PandaStack
client = PandaStack()
sandbox = client.sandboxes.create(template="base", ttl_seconds=300, metadata={"task": "run-agent-snippet"})
result = sandbox.exec("python -c 'import sys; print(sys.version)'", timeout_seconds=30)
print(result.stdout, result.exit_code)
branch = sandbox.fork()
branch.exec("echo exploring an alternate path")
sandbox.filesystem.write("/work/out.txt", "hello from inside the microVM")
sandbox.snapshot()
client = PandaStack(token=os.environ["PANDASTACK_TOKEN"])
sandbox.hibernate()
sandbox.wake()
print(sandbox.filesystem.read("/work/out.txt"))  # hello from inside the microVM
for each in (sandbox, branch):
    each.kill()
"""


def blocks_of(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL)


BLOCKS = [*blocks_of(PACKAGE / "README.md"), *blocks_of(PACKAGE.parent / "README.md"), ANNOUNCEMENT]


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 10


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
    monkeypatch.setenv("PANDASTACK_TOKEN", server.token)
    code = compile(BLOCKS[number], f"block {number + 1}", "exec")
    names: dict[str, object] = {"__name__": "__main__"}
    exec(code, names)
    # A short program may leave its connections to the end of everything.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        names.clear()
        gc.collect()
    # What a line says that it prints, it prints.
    printed = capsys.readouterr().out.split("\n")
    for said in re.findall(r"print\(.*\)  # (.+)", BLOCKS[number]):
        assert said in printed
