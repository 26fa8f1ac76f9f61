"""Server-sent events, cut out of text in any chunking and with any line ends."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class ServerEvent:
    """One frame. `event` is "message" where the server named none."""

    event: str
    data: str


class ServerEventParser:
    """Lines end with LF, CR or both; a frame with an empty line. What is left at the end was cut off: it is no frame."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._event = ""
        self._data: list[str] = []
        # The text so far ended with CR: a LF that follows belongs to it.
        self._ended_with_cr = False

    def push(self, chunk: bytes) -> list[ServerEvent]:
        """The frames that end with this chunk. Comments (the server's heartbeats) are dropped."""
        frames: list[ServerEvent] = []
        text = self._decoder.decode(chunk)
        if text == "":
            return frames
        rest = text[1:] if self._ended_with_cr and text.startswith("\n") else text
        self._ended_with_cr = text.endswith("\r")
        lines = _LINE_END.split(rest)
        lines[0] = self._line + lines[0]
        self._line = lines.pop()
        for line in lines:
            if line:
                self._field(line)
                continue
            if self._data:
                frames.append(ServerEvent(self._event or "message", "\n".join(self._data)))
            self._event = ""
            self._data = []
        return frames

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
