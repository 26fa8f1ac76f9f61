import asyncio
import signal
import time
from datetime import datetime, timezone

# Between one SIGINT and the next: code may catch the first, or be in a place where it is not looked at.
INTERRUPT_AGAIN_S = 0.5
# Code that does not end within this time after it was interrupted loses its kernel, and the context its variables.
INTERRUPT_GRACE_S = 5


class Run:
    """One cell, from its turn in the context's queue to its last line. It ends when the code has ended: also where the caller has gone
    away or the time is up, since whoever is next must not meet it."""

    def __init__(self, context, request, say, reader):
        self._context = context
        self._request = request
        self._say = say
        self._gone = asyncio.ensure_future(reader.read(1))
        self._done = asyncio.get_running_loop().create_future()
        self._timed_out = False
        self._has_failed = False

    async def perform(self):
        try:
            self._dialect = self._context.dialect(self._request)
            if not await self._take_turn():
                return
            try:
                await self._run(await self._context.kernel())
            finally:
                self._context.leave()
        finally:
            self._gone.cancel()
            # Nobody else reads from the connection while this does.
            await asyncio.wait([self._gone])

    async def _take_turn(self):
        entering = asyncio.ensure_future(self._context.enter())
        await asyncio.wait([entering, self._gone], return_when=asyncio.FIRST_COMPLETED)
        if self._gone.done() and not entering.done():
            entering.cancel()
            try:
                await entering
            except asyncio.CancelledError:
                return False
        await entering
        if self._gone.done():
            self._context.leave()
            return False
        return True

    async def _run(self, kernel):
        self._context.executions += 1
        count = self._context.executions
        began = time.monotonic()
        self._say({"type": "number_of_executions", "execution_count": count, "context_id": self._context.id})
        kernel.listen(self)
        try:
            kernel.send({
                "op": "run", "count": count, "code": self._request["code"],
                "env": self._request.get("env") or {}, "language": self._dialect,
            })
            timeout_ms = self._request.get("timeout_ms") or 0
            await self._wait(kernel, timeout_ms / 1000 if timeout_ms > 0 else None)
        finally:
            kernel.listen(None)
        if not self._done.done():
            self._lost(kernel)
        if self._timed_out:
            self._fail("TimeoutError", f"cell timeout after {timeout_ms / 1000:g}s")
        self._say({
            "type": "end_of_execution", "execution_count": count, "timed_out": self._timed_out,
            "exit_code": 124 if self._timed_out else self._exit_code(),
            "duration_ms": round((time.monotonic() - began) * 1000, 3),
        })

    async def _wait(self, kernel, timeout_s):
        ends = [self._done, kernel.exit]
        await asyncio.wait([*ends, self._gone], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if any(end.done() for end in ends):
            return
        self._timed_out = not self._gone.done()
        end = time.monotonic() + INTERRUPT_GRACE_S
        while time.monotonic() < end:
            await kernel.interrupt()
            await asyncio.wait(ends, timeout=INTERRUPT_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
            if any(end.done() for end in ends):
                return
        await kernel.kill()

    def hear(self, message):
        """From the kernel, in order."""
        if message["type"] == "done":
            if not self._done.done():
                self._done.set_result(message)
            return
        if message["type"] == "error":
            # Being interrupted is how the end of the time looks from inside.
            if self._timed_out or self._has_failed:
                return
            self._has_failed = True
        if message["type"] in ("stdout", "stderr"):
            message["timestamp"] = datetime.now(timezone.utc).isoformat()
        if not self._gone.done():
            self._say(message)

    @property
    def is_full(self):
        return self._say.is_full and not self._gone.done()

    async def drain(self):
        """Until the reader has caught up, or is gone."""
        draining = asyncio.ensure_future(self._say.drain())
        await asyncio.wait([draining, self._gone], return_when=asyncio.FIRST_COMPLETED)
        draining.cancel()

    def _fail(self, name, value):
        self._say({"type": "error", "name": name, "value": value, "traceback": f"{name}: {value}"})
        self._has_failed = True

    def _lost(self, kernel):
        code = kernel.exit.result() if kernel.exit.done() else 0
        why = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"has ended with exit code {code}"
        if not self._timed_out and not self._has_failed:
            self._fail("KernelDied", f"the kernel {why}; the context begins anew, without its variables")

    def _exit_code(self):
        if not self._done.done():
            return 1
        return self._done.result().get("exit_code", 1 if self._has_failed else 0)
