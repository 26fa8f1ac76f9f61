"""What no generator can turn into the other half: sleeping, threads, waiting for a socket. `_async/local.py` is its twin."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import BinaryIO, TypeVar

from websockets.sync.client import ClientConnection, connect

T = TypeVar("T")

PIECE_BYTES = 256 * 1024

__all__ = [
    "ClientConnection",
    "Number",
    "Pieces",
    "all_at_once",
    "beside",
    "in_thread",
    "open_socket",
    "pause",
    "pieces_of",
    "receive",
    "settled",
    "wait_for_pong",
]

Pieces = Iterable[bytes]

Number = float | None
"""What a function may answer that is asked for a number."""


def pause(seconds: float) -> None:
    """Waits."""
    time.sleep(seconds)


def in_thread(work: Callable[[], T]) -> T:
    """What would block."""
    return work()


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """A local file or pipe, as it comes."""
    while piece := file.read(PIECE_BYTES):
        yield piece


def beside(first: Callable[[], None], second: Callable[[], T]) -> T:
    """Both at once; what the first raises goes before what the second does."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            first()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="pandastack-input", daemon=True)
    thread.start()
    try:
        result = second()
    except Exception:
        thread.join()
        if failures:
            raise failures[0] from None
        raise
    thread.join()
    if failures:
        raise failures[0]
    return result


def all_at_once(works: Sequence[Callable[[], T]], on_failure: Callable[[], None]) -> list[T]:
    """All of them side by side, in their order; where one fails `on_failure` is called, which is to end the others."""
    with ThreadPoolExecutor(max_workers=len(works), thread_name_prefix="pandastack") as threads:
        futures = [threads.submit(work) for work in works]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            failures = [error for future in done if (error := future.exception()) is not None]
            if failures:
                raise failures[0]
        except BaseException:
            on_failure()
            raise
        return [future.result() for future in futures]


def settled(number: Number) -> float | None:
    """A number."""
    return number


def open_socket(
    url: str, headers: dict[str, str], user_agent: str, tls: ssl.SSLContext | None, limits: tuple[float | None, int]
) -> ClientConnection:
    """A WebSocket. `limits`: seconds for its opening, bytes of a message."""
    socket = connect(
        url,
        additional_headers=headers,
        user_agent_header=user_agent,
        ssl=tls,
        compression=None,
        open_timeout=limits[0],
        # A slow reader's connection stands still, and then no ping is answered: `wait_for_pong` asks where nothing comes.
        ping_interval=None,
        max_size=limits[1],
    )
    # Newer versions want it entered; `close` is the end of it all the same.
    socket.__enter__()
    return socket


def receive(socket: ClientConnection, seconds: float) -> str | bytes:
    """The next message; TimeoutError where none comes."""
    return socket.recv(timeout=seconds)


def wait_for_pong(socket: ClientConnection, seconds: float) -> bool:
    """Whether the other side is there."""
    return socket.ping().wait(seconds)
