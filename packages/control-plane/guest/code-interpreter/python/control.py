import json
import os
import sys
import threading

CHUNK_BYTES = 65536


class Control:
    """Lines of JSON on one descriptor, from any thread."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._pending = b""

    def say(self, message):
        # A forked child has the descriptor, too, and nothing to say here.
        if os.getpid() != self._pid:
            return
        # What was printed before comes before: the other end reads the pipes first, whenever it reads this.
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):
                pass
        data = json.dumps(message, separators=(",", ":"), default=str).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self.descriptor, data):]

    def next_line(self):
        """The next request; None where nobody is left to ask."""
        while b"\n" not in self._pending:
            data = os.read(self.descriptor, CHUNK_BYTES)
            if data == b"":
                return None
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return json.loads(line)

    @property
    def has_line(self):
        return b"\n" in self._pending
