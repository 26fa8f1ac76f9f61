"""A sandbox as functions that models call: what frameworks need to know is in their signatures and texts."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import wraps

from pandastack import AsyncSandbox, PandaStackError

OUTPUT_LIMIT_CHARACTERS = 20_000


def sandbox_tools(sandbox: AsyncSandbox) -> list[Callable[..., Awaitable[str]]]:
    """A shell, and files to write and read.

    OpenAI Agents: `Agent(name="Coder", tools=[function_tool(each) for each in sandbox_tools(sandbox)])`.
    LangChain: `model.bind_tools([StructuredTool.from_function(coroutine=each) for each in sandbox_tools(sandbox)])`.
    """

    async def run_command(command: str) -> str:
        """Run a shell command."""
        result = await sandbox.exec(command, timeout_seconds=60)
        shown = {"stdout": result.stdout[-OUTPUT_LIMIT_CHARACTERS:], "stderr": result.stderr[-2000:]}
        return json.dumps({"exit_code": result.exit_code, **shown})

    async def read_file(path: str) -> str:
        """Read a text file."""
        return (await sandbox.files.read(path))[:OUTPUT_LIMIT_CHARACTERS]

    async def write_file(path: str, content: str) -> str:
        """Write a text file."""
        await sandbox.files.write(path, content)
        return "written"

    return [readable(each) for each in (run_command, read_file, write_file)]


def readable(tool: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[str]]:
    """What went wrong is the model's to read: it may do better at the next try."""

    @wraps(tool)
    async def run(*args: str, **kwargs: str) -> str:
        try:
            return await tool(*args, **kwargs)
        except PandaStackError as error:
            return f"failed: {error}"

    return run
