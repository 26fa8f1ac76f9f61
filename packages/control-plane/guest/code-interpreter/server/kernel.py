import asyncio
import json
import os
import signal
import socket
import subprocess
import threading

from accounts import environment, spawn_options
from languages import KERNEL_OF, command_of
from output import OutputPipe
from refusal import Refusal
from shell_cells import encode_for_bash, prepare_bash

# Python with IPython, in an emulated machine that does something else besides.
START_TIMEOUT_S = 120
# An interrupt in a cell's first moment waits this long for word that the kernel is ready for it. Code that says nothing by then is busy.
BEGIN_TIMEOUT_S = 0.2
# Of what a kernel printed that did not come up.
SAID_LIMIT_CHARACTERS = 1000
# A picture in base64 is one line.
MESSAGE_LIMIT_BYTES = 256 * 1024 * 1024


class Kernel:
    """A process that runs cells. It reads requests from the descriptor that its last argument names, and writes there what they lead
    to, in lines of JSON; descriptors 1 and 2 are what code and its children print. It leads a process group of its own, so that an interrupt reaches what it waits for."""

    def __init__(self, language, cwd, entry, env):
        self.exit = asyncio.get_running_loop().create_future()
        self._language = language
        self._cwd = cwd
        self._entry = entry
        self._env = env
        self._process = None
        self._listener = None
        self._ready = asyncio.get_running_loop().create_future()
        self._said = ""
        self._is_bash = KERNEL_OF[language] == "bash"
        self._says_begun = not self._is_bash
        # Of the cell that runs, of those kernels that say so.
        self._begun = None

    @property
    def is_alive(self):
        return self._process is not None and not self.exit.done()

    @property
    def pid(self):
        return self._process.pid

    async def start(self):
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        out, out_end = os.pipe()
        error, error_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*command_of(self._language), *([] if self._is_bash else [str(theirs.fileno())])],
                stdin=theirs if self._is_bash else subprocess.DEVNULL, stdout=out_end, stderr=error_end, pass_fds=[theirs.fileno()], cwd=self._cwd,
                env=environment(self._entry, self._env), start_new_session=True, **spawn_options(self._entry),
            )
        except OSError as error_:
            raise Refusal("kernel_failed", f"the {self._language} kernel cannot be started: {error_}") from error_
        finally:
            self._control = theirs.fileno()
            theirs.close()
            os.close(out_end)
            os.close(error_end)
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=MESSAGE_LIMIT_BYTES)
        self._outputs = [OutputPipe(out, "stdout", self._say_output), OutputPipe(error, "stderr", self._say_output)]
        self._reading = asyncio.ensure_future(self._read(reader))
        if self._is_bash:
            self._writer.write(prepare_bash(self._control))
        threading.Thread(target=self._await_exit, args=(loop, self._process), daemon=True).start()
        done, _ = await asyncio.wait([self._ready, self.exit], timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if not self._ready.done():
            await self.kill()
            why = "has ended at once" if done else f"was not ready within {START_TIMEOUT_S} s"
            raise Refusal("kernel_failed", f"the {self._language} kernel {why}: {self._said[-SAID_LIMIT_CHARACTERS:].strip()}")

    def _await_exit(self, loop, process):
        code = process.wait()
        try:
            loop.call_soon_threadsafe(self._ended, code)
        except RuntimeError:
            pass

    def _ended(self, code):
        for output in self._outputs:
            output.drain()
            output.close()
        self._writer.close()
        if not self.exit.done():
            self.exit.set_result(code)

    async def _read(self, reader):
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            message = json.loads(line)
            # The kernel has flushed what was printed before it said this.
            for output in self._outputs:
                output.drain()
            if message["type"] == "ready":
                if not self._ready.done():
                    self._ready.set_result(None)
            elif message["type"] == "begun":
                self._note_begun()
            elif self._listener is not None:
                if message["type"] == "done":
                    self._begun = None
                self._listener.hear(message)
                if self._listener.is_full:
                    await self._listener.drain()

    def _say_output(self, kind, text):
        """Output of what a cell has left running is heard by the next cell, or by nobody."""
        if self._listener is None:
            if not self._ready.done():
                self._said += text
            return None
        self._listener.hear({"type": kind, "text": text})
        return self._listener.drain() if self._listener.is_full else None

    def listen(self, listener):
        self._listener = listener

    def send(self, message):
        if message["op"] == "run" and self._says_begun:
            self._begun = asyncio.get_running_loop().create_future()
        if self._is_bash:
            self._writer.write(encode_for_bash(message, self._control))
        else:
            self._writer.write(json.dumps(message).encode() + b"\n")

    def change_env(self, fresh, gone):
        self._env = {**{name: value for name, value in self._env.items() if name not in gone}, **fresh}
        self.send({"op": "env", "set": fresh, "unset": gone})

    async def preload(self, modules):
        if KERNEL_OF[self._language] != "python" or not modules:
            return []
        heard = asyncio.get_running_loop().create_future()
        self.listen(_Once(heard))
        try:
            self.send({"op": "preload", "modules": modules})
            await asyncio.wait([heard, self.exit], return_when=asyncio.FIRST_COMPLETED)
            return heard.result()["missing"] if heard.done() else modules
        finally:
            self.listen(None)

    def _note_begun(self):
        if self._begun is not None and not self._begun.done():
            self._begun.set_result(None)

    async def interrupt(self):
        """What runs, and its children."""
        if self._says_begun:
            begun = self._begun
            if begun is not None:
                await asyncio.wait([begun, self.exit], timeout=BEGIN_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            if begun is None or self._begun is not begun:
                # The cell has ended.
                return
        self._signal(signal.SIGINT)

    async def kill(self):
        if self._process is not None:
            self._signal(signal.SIGKILL)
            await self.exit

    def _signal(self, number):
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass


class _Once:
    is_full = False

    def __init__(self, future):
        self._future = future

    def hear(self, message):
        if message["type"] == "preloaded" and not self._future.done():
            self._future.set_result(message)
