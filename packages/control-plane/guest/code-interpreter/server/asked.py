"""What can be asked of the interpreter: one request after the other on one connection."""

import asyncio
import json
import time

from refusal import Refusal
from run import Run

# Of requests that came lately: one that is sent again, since its connection broke, is not done twice.
REMEMBERED_LIMIT = 1024
_remembered = {}


async def serve_request(contexts, is_token, reader, writer):
    """Whether there may be another one."""
    request = json.loads(await reader.readuntil(b"\n"))
    if not is_token(request.get("token")):
        return False
    arrived = time.monotonic()
    say = Speaker(writer)
    stays = request.get("keep") is True
    try:
        remember(request.get("id"))
        if request.get("base_env") is not None:
            contexts.set_base_env(request["base_env"])
        if request.get("given_env") is not None:
            contexts.set_given_env(request["given_env"])
        await OPERATIONS[request["op"]](contexts, request, say, reader)
    except Refusal as refusal:
        say({"type": "refused", "code": refusal.code, "message": refusal.message})
    except KeyError as missing:
        say({"type": "refused", "code": "bad_request", "message": f"unknown or missing: {missing}"})
    say({"type": "end", "duration_ms": round((time.monotonic() - arrived) * 1000, 3), "open": stays})
    await writer.drain()
    return stays


def remember(request_id):
    if request_id is None:
        return
    if request_id in _remembered:
        raise Refusal("asked_before", "the connection to the code was lost; the code was interrupted")
    if len(_remembered) >= REMEMBERED_LIMIT:
        del _remembered[next(iter(_remembered))]
    _remembered[request_id] = True


class Speaker:
    """Lines of JSON to whoever asked. ASCII only: readers may cut the stream anywhere and decode the pieces by themselves."""

    # More than this waits for a slow reader, and what it is told about is asked to wait.
    LIMIT_BYTES = 1024 * 1024

    def __init__(self, writer):
        self._writer = writer

    def __call__(self, message):
        self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    @property
    def is_full(self):
        return self._writer.transport.get_write_buffer_size() > self.LIMIT_BYTES

    async def drain(self):
        await self._writer.drain()


async def run(contexts, request, say, reader):
    context = await contexts.for_run(request)
    await Run(context, request, say, reader).perform()


async def list_contexts(contexts, request, say, reader):
    say({"type": "contexts", "contexts": [context.info() for context in contexts.all()]})


async def create(contexts, request, say, reader):
    context = contexts.create(request)
    try:
        await context.start()
    except BaseException:
        await contexts.delete(context.id)
        raise
    say({"type": "context", "context": context.info()})


async def restart(contexts, request, say, reader):
    context = contexts.find(request["context_id"])
    await context.restart()
    say({"type": "context", "context": context.info()})


async def interrupt(contexts, request, say, reader):
    await contexts.find(request["context_id"]).interrupt()
    say({"type": "interrupted"})


async def delete(contexts, request, say, reader):
    await contexts.delete(request["context_id"])
    say({"type": "deleted"})


async def preload(contexts, request, say, reader):
    """Has a language's default context up, with modules imported, so that a snapshot of this moment has them in memory."""
    context = await contexts.for_run({"language": request.get("language")})
    missing = await context.preload(request.get("modules") or [])
    say({"type": "preloaded", "missing": missing, "context": context.info()})


OPERATIONS = {
    "run": run,
    "list": list_contexts,
    "create": create,
    "restart": restart,
    "interrupt": interrupt,
    "delete": delete,
    "preload": preload,
}
