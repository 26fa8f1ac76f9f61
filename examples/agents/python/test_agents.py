"""The frameworks call the tools by themselves; what a model would say is written here.

A server of its own, whose sandboxes are made up; `python -m pytest` with requirements.txt installed, and Node 24 in the PATH.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from langchain_core.messages import ToolCall
from langchain_core.tools import StructuredTool
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from sandbox_tools import sandbox_tools

from pandastack import AsyncPandaStack, AsyncSandbox

SERVE = Path(__file__).resolve().parents[3] / "packages/control-plane/tests/support/serve.ts"

# What the "model" asks for, one after the other, in every framework.
CALLS: list[tuple[str, dict[str, str]]] = [
    ("write_file", {"path": "/root/greeting", "content": "hello"}),
    ("run_command", {"command": "cat /root/greeting; exit 3"}),
    ("read_file", {"path": "/root/none"}),
]
NAMES = ["run_command", "read_file", "write_file"]


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with subprocess.Popen(["node", str(SERVE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def in_sandbox(server: dict[str, str], work: Callable[[AsyncSandbox], Awaitable[None]]) -> None:
    async def run() -> None:
        client = AsyncPandaStack(server["token"], base_url=server["url"])
        async with client, await client.sandboxes.create() as sandbox:
            await work(sandbox)

    asyncio.run(run())


class WrittenDown(Model):
    """Asks for one call after the other, then says that it is done."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.tools: list[str] = []

    async def get_response(self, system_instructions: Any, input: Any, *rest: Any, **more: Any) -> ModelResponse:
        turn = len(self.seen)
        self.seen.append(input)
        offered = rest[1] if len(rest) > 1 else more["tools"]
        self.tools = [tool.name for tool in offered]
        if turn < len(CALLS):
            name, arguments = CALLS[turn]
            call = ResponseFunctionToolCall(
                type="function_call", call_id=f"call-{turn}", name=name, arguments=json.dumps(arguments)
            )
            return ModelResponse(output=[call], usage=Usage(), response_id=None)
        text = ResponseOutputText(type="output_text", text="done", annotations=[])
        message = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *_arguments: Any, **_more: Any) -> Any:
        raise NotImplementedError("nobody asked for a stream")


def test_openai_agents_call_the_tools_and_show_the_model_what_they_said(server: dict[str, str]) -> None:
    async def work(sandbox: AsyncSandbox) -> None:
        model = WrittenDown()
        tools = [function_tool(each) for each in sandbox_tools(sandbox)]
        agent = Agent(name="Greeter", instructions="greet", model=model, tools=[*tools])
        result = await Runner.run(agent, "greet", run_config=RunConfig(tracing_disabled=True))
        assert result.final_output == "done"
        assert model.tools == NAMES
        said = json.dumps(model.seen[-1], default=str)
        for word in ("written", '\\"exit_code\\": 3', "file.not_found"):
            assert word.replace("\\", "") in said.replace("\\", "")

    in_sandbox(server, work)


def test_langchain_invokes_the_tools_by_the_calls_of_a_message(server: dict[str, str]) -> None:
    async def work(sandbox: AsyncSandbox) -> None:
        tools = {
            tool.name: tool for tool in (StructuredTool.from_function(coroutine=f) for f in sandbox_tools(sandbox))
        }
        assert [*tools] == NAMES

        async def call(index: int) -> Any:
            name, arguments = CALLS[index]
            return await tools[name].ainvoke(ToolCall(type="tool_call", id=f"call-{index}", name=name, args=arguments))

        assert ((await call(0)).content, (await call(0)).tool_call_id) == ("written", "call-0")
        assert json.loads((await call(1)).content) == {"exit_code": 3, "stdout": "hello", "stderr": ""}
        assert "file.not_found" in (await call(2)).content
        # Its own check of what a model says, by the signature.
        with pytest.raises(ValueError, match="command"):
            await tools["run_command"].ainvoke({"comand": "ls"})

    in_sandbox(server, work)
