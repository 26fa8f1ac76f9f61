"""The code interpreter inside a sandbox: `main.py start` returns once it listens, `main.py serve` stays in the foreground.

Who wants something connects to the address that is written to ADDRESS_FILE, sends one line of JSON and reads lines of JSON until
that request's end. Going away while code runs interrupts it. The port is on the loopback interface and any process in the sandbox
can reach it, so each request carries the token that is in TOKEN_FILE, which only root can read. The control plane puts it there
when it first looks: in a template's memory there is an interpreter without a token, and every copy of it gets one of its own.
"""

import asyncio
import fcntl
import hmac
import json
import os
import socket
import sys

from contexts import Contexts
from asked import serve_request

FOLDER = os.environ.get("PANDASTACK_CODE_FOLDER", "/run/pandastack/code")
ADDRESS_FILE = os.path.join(FOLDER, "address")
TOKEN_FILE = os.path.join(FOLDER, "token")
LOCK_FILE = os.path.join(FOLDER, "lock")
NAME = "pandastack-code"
# Spoken by older servers in older snapshots for as long as these are kept: only ever add to it.
PROTOCOL = 1
# Code comes in one line; the API's bodies have at most 1 MiB, and every byte may be escaped.
REQUEST_LIMIT_BYTES = 8 * 1024 * 1024


def listens():
    """Whether a server answers at the address that was written down last."""
    try:
        with open(ADDRESS_FILE) as file:
            port = json.load(file)["port"]
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except (OSError, ValueError, KeyError):
        return False


def start():
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    # Two first users at once: one starts it, the other waits for that.
    lock = os.open(LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if listens():
        return
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        os.close(lock)
        become_daemon()
        serve(lambda: os.write(writing, b"1") and os.close(writing))
        os._exit(0)
    os.close(writing)
    if os.read(reading, 1) != b"1":
        sys.exit("the code interpreter has not come up; its log is " + os.path.join(FOLDER, "log"))


def take_name():
    """What lists of ports know it by, to leave it out."""
    try:
        with open("/proc/self/comm", "w") as file:
            file.write(NAME)
    except OSError:
        pass


def become_daemon():
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(os.path.join(FOLDER, "log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir("/")


def serve(announce):
    take_name()
    asyncio.run(listen(announce))


async def listen(announce):
    contexts = Contexts()

    async def take(reader, writer):
        try:
            while await serve_request(contexts, is_token, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0, limit=REQUEST_LIMIT_BYTES)
    port = server.sockets[0].getsockname()[1]
    forget_token()
    # `given`: it takes a sandbox's variables alone, and need not be told all that a command has.
    write_address({"port": port, "protocol": PROTOCOL, "pid": os.getpid(), "given": True})
    announce()
    async with server:
        await server.serve_forever()


def is_token(given):
    """Read anew each time: nothing of it is to be in the memory that copies are made of."""
    try:
        with open(TOKEN_FILE) as file:
            token = file.readline().strip()
    except OSError:
        return False
    return token != "" and hmac.compare_digest(str(given).encode(), token.encode())


def forget_token():
    try:
        os.unlink(TOKEN_FILE)
    except FileNotFoundError:
        pass


def write_address(address):
    """Whole or not at all: it is read by whoever comes at any moment."""
    temporary = ADDRESS_FILE + ".new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, (json.dumps(address) + "\n").encode())
    os.close(descriptor)
    os.rename(temporary, ADDRESS_FILE)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        os.makedirs(FOLDER, mode=0o755, exist_ok=True)
        serve(lambda: None)
    else:
        start()
