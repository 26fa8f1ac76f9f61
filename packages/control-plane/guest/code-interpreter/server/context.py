import asyncio
import time

from accounts import USERS_OWN
from kernel import Kernel
from languages import KERNEL_OF, language_of
from refusal import Refusal

# Callers that wait for their turn in one context.
QUEUE_LIMIT = 64


class Context:
    """One language's state that cells share: a kernel, and a queue of those who want to use it. A kernel that has died is replaced
    by the next cell; the context keeps its id."""

    def __init__(self, context_id, language, cwd, entry, base_env, env):
        self.id = context_id
        self.language = language
        self.cwd = cwd
        self.executions = 0
        self.created_at = time.time()
        self._entry = entry
        self._base_env = base_env
        self._env = env
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._kernel = None
        self._closed = False

    def info(self):
        return {
            "id": self.id,
            "language": self.language,
            "cwd": self.cwd,
            "user": self._entry.pw_name,
            "created_at": self.created_at,
            "executions": self.executions,
            "busy": self._turn.locked(),
            "pid": self._kernel.pid if self._kernel is not None and self._kernel.is_alive else None,
        }

    def dialect(self, request):
        """The language of one cell: TypeScript may be asked for in a context of JavaScript."""
        asked = language_of(request.get("language") or self.language)
        if KERNEL_OF[asked] != KERNEL_OF[self.language]:
            raise Refusal("bad_request", f"language: context {self.id} runs {self.language}")
        return asked

    async def enter(self):
        if self._waiting >= QUEUE_LIMIT:
            raise Refusal("context_busy", f"{QUEUE_LIMIT} cells wait in this context already")
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        if self._closed:
            self._turn.release()
            raise Refusal("context_not_found", f"Context {self.id} not found")

    def leave(self):
        self._turn.release()

    async def kernel(self):
        """The living kernel. For whoever has the turn."""
        if self._kernel is None or not self._kernel.is_alive:
            kernel = Kernel(self.language, self.cwd, self._entry, {**self._base_env(), **self._env})
            self._kernel = kernel
            await kernel.start()
        return self._kernel

    async def start(self):
        await self.enter()
        try:
            await self.kernel()
        finally:
            self.leave()

    async def preload(self, modules):
        await self.enter()
        try:
            return await (await self.kernel()).preload(modules)
        finally:
            self.leave()

    def change_env(self, was, now):
        if self._kernel is not None and self._kernel.is_alive:
            kept = {*self._env, *USERS_OWN}
            gone = [name for name in was if name not in now and name not in kept]
            fresh = {name: value for name, value in now.items() if was.get(name) != value and name not in kept}
            self._kernel.change_env(fresh, gone)

    async def interrupt(self):
        if self._kernel is not None and self._turn.locked():
            await self._kernel.interrupt()

    async def restart(self):
        """What runs ends with an error; what waits runs in the new kernel."""
        if self._kernel is not None:
            await self._kernel.kill()
        self.executions = 0
        await self.start()

    async def close(self):
        self._closed = True
        if self._kernel is not None:
            await self._kernel.kill()
