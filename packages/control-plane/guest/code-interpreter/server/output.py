import asyncio
import codecs
import os

CHUNK_BYTES = 65536


class OutputPipe:
    """What a kernel prints on one descriptor, as text that no character is cut in. `say` may answer with something to wait for."""

    def __init__(self, descriptor, kind, say):
        self._descriptor = descriptor
        self._kind = kind
        self._say = say
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._is_open = True
        os.set_blocking(descriptor, False)
        asyncio.get_running_loop().add_reader(descriptor, self._on_readable)

    def _on_readable(self):
        wait = self._read_once()
        if wait:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            asyncio.ensure_future(self._resume_after(wait))

    async def _resume_after(self, wait):
        try:
            await wait
        except ConnectionError:
            pass
        if self._is_open:
            asyncio.get_running_loop().add_reader(self._descriptor, self._on_readable)

    def _read_once(self):
        """What is to be waited for, if anything; False where nothing is left."""
        try:
            data = os.read(self._descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if data == b"":
            self.close()
            return False
        text = self._decoder.decode(data)
        return (self._say(self._kind, text) if text else None) or None

    def drain(self):
        """Everything that has been printed until now; a pipe holds no more than 64 KiB at a time, so this ends with the writer's pace."""
        for _ in range(64):
            if not self._is_open:
                return
            wait = self._read_once()
            if wait is False:
                return
            if wait is not None:
                wait.close()

    def close(self):
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
