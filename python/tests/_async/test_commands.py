"""Commands and terminals."""

from __future__ import annotations

import pytest

from pandastack import (
    AsyncSandbox,
    CommandError,
    CommandEvent,
    InvalidRequestError,
    NotFoundError,
    PandaStackError,
    TimeoutError,
)

pytestmark = pytest.mark.anyio


async def test_runs_to_the_end(sandbox: AsyncSandbox) -> None:
    result = await sandbox.commands.run("echo out; echo err >&2; exit 3", cwd="/tmp", user="root", tag="mine")
    assert (result.exit_code, result.stdout, result.stderr, result.is_truncated) == (3, "out\n", "err\n", False)
    assert (await sandbox.exec("pwd", cwd="/tmp")).stdout == "/tmp\n"
    assert (await sandbox.exec("nosuchcommand")).exit_code == 127
    assert "mine" in [process.tag for process in await sandbox.commands.list()]


async def test_raises_where_it_fails_and_that_was_asked_for(sandbox: AsyncSandbox) -> None:
    with pytest.raises(CommandError, match="code 3") as caught:
        await sandbox.exec("echo why >&2; exit 3", check=True)
    assert caught.value.result.stderr == "why\n"
    assert "why" in str(caught.value)


async def test_kills_what_takes_too_long(sandbox: AsyncSandbox) -> None:
    with pytest.raises(TimeoutError) as caught:
        await sandbox.exec("sleep 60", timeout_seconds=0.3)
    assert caught.value.code == "exec.timeout"
    assert caught.value.hint is not None
    with pytest.raises(TimeoutError):
        await sandbox.exec("cat >/dev/null; sleep 60", stdin="in", timeout_seconds=0.3)


async def test_says_what_is_wrong_with_a_command(sandbox: AsyncSandbox) -> None:
    with pytest.raises(InvalidRequestError):
        await sandbox.exec("")
    with pytest.raises(PandaStackError) as caught:
        await sandbox.exec("true", cwd="/nowhere")
    assert caught.value.code == "guest.cwd_not_found"
    with pytest.raises(PandaStackError) as unknown:
        await sandbox.commands.start("true", user="nobody-like-this", attach=True)
    assert unknown.value.code == "guest.user_not_found"
    with pytest.raises(NotFoundError) as gone:
        await sandbox.commands.connect("nosuchprocess")
    assert gone.value.code == "process.not_found"


async def test_calls_back_with_whole_characters(sandbox: AsyncSandbox) -> None:
    pieces: list[str] = []
    await sandbox.commands.run("printf 'gr\\303'; sleep 0.1; printf '\\274n\\n'", on_stdout=pieces.append)
    assert "".join(pieces) == "grün\n"


async def test_streams_what_it_says(sandbox: AsyncSandbox) -> None:
    events = await sandbox.commands.stream("echo out; echo err >&2; exit 2").to_list()
    assert events[-1] == CommandEvent("exit", exit_code=2)
    assert {event.type: event.text for event in events[:-1]} == {"stdout": "out\n", "stderr": "err\n"}
    # Leaving early leaves it running.
    async with sandbox.commands.stream("echo first; while ! test -e /tmp/go; do sleep 0.05; done", tag="left") as left:
        assert (await left.__anext__()).text == "first\n"
    assert [process.running for process in await sandbox.commands.list() if process.tag == "left"] == [True]
    await sandbox.files.write("/tmp/go", "")


async def test_reads_its_input(sandbox: AsyncSandbox) -> None:
    assert (await sandbox.exec("sort -n", stdin="3\n1\n2\n")).stdout == "1\n2\n3\n"
    assert (await sandbox.exec("wc -c", stdin=b"x" * 300_000)).stdout.strip() == "300000"
    # One that ends without reading all of it is no error.
    assert (await sandbox.exec("head -c 3", stdin=b"abc" * 100_000)).stdout == "abc"


async def test_goes_on_in_the_background_and_is_joined_again(sandbox: AsyncSandbox) -> None:
    started = await sandbox.commands.start(
        "echo first; while ! test -e /tmp/go; do sleep 0.05; done; echo second; exit 7"
    )
    assert started.pid > 0
    joined = await sandbox.commands.connect(started.id)
    async with joined.output() as pieces:
        assert (await pieces.__anext__()).data == b"first\n"
    with pytest.raises(TimeoutError) as caught:
        await joined.wait(timeout_seconds=0.2)
    assert caught.value.code == "client.timeout"
    await sandbox.files.write("/tmp/go", "")
    result = await joined.wait()
    assert (result.exit_code, result.stdout) == (7, "first\nsecond\n")
    assert (await started.wait()).exit_code == 7


async def test_is_written_to_and_ended(sandbox: AsyncSandbox) -> None:
    cat = await sandbox.commands.start("cat", stdin=True)
    assert await cat.write("hello\n")
    await cat.close_stdin()
    assert (await cat.wait()).stdout == "hello\n"
    sleeper = await sandbox.commands.start("sleep 60")
    assert sleeper.exit is None
    await sleeper.signal("SIGTERM")
    assert (await sleeper.wait()).exit_code == 128 + 15
    assert sleeper.exit is not None
    assert sleeper.exit.signal == "SIGTERM"
    another = await sandbox.commands.start("sleep 60")
    await sandbox.commands.kill(another.id)
    assert (await another.wait()).exit_code == 128 + 9


async def test_opens_terminals(sandbox: AsyncSandbox) -> None:
    terminal = await sandbox.pty.create(rows=30, cols=100)
    assert [process.id for process in await sandbox.pty.list()] == [terminal.id]
    await terminal.resize(40, 120)
    await terminal.write("echo $((6 * 7)); exit 5\n")
    shown = b"".join(await terminal.output.to_list())
    assert b"42" in shown
    assert terminal.exit is not None
    assert terminal.exit.exit_code == 5


async def test_joins_a_terminal_again(sandbox: AsyncSandbox) -> None:
    first = await sandbox.pty.create()
    await first.disconnect()
    again = await sandbox.pty.connect(first.id)
    await again.write("echo joined; exit\n")
    assert b"joined" in b"".join(await again.output.to_list())
    other = await sandbox.pty.create()
    await sandbox.pty.kill(other.id)
    await other.output.to_list()
    assert other.exit is not None
    assert other.exit.exit_code == 128 + 9
