"""For templates: `warm.py [module…]` has the interpreter running, with a Python kernel that has imported these modules, and a
JavaScript one where there is node. It ends when that is in memory; WARM_FILE is there then. No token is left."""

import json
import os
import secrets
import shutil
import socket
import sys

import main

WARM_FILE = os.path.join(main.FOLDER, "warm")


def warm(modules):
    main.start()
    with open(main.ADDRESS_FILE) as file:
        port = json.load(file)["port"]
    token = secrets.token_hex(16)
    descriptor = os.open(main.TOKEN_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, token.encode() + b"\n")
    os.close(descriptor)
    try:
        preload(port, token, "python", modules)
        if shutil.which("node") is not None:
            preload(port, token, "javascript", [])
    finally:
        main.forget_token()
    open(WARM_FILE, "w").close()


def preload(port, token, language, modules):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        request = {"token": token, "op": "preload", "language": language, "modules": modules}
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(connection.makefile().readline() or "{}")
    if answer.get("type") != "preloaded":
        sys.exit(f"{language}: {answer.get('message', 'the interpreter does not answer')}")
    if answer["missing"]:
        sys.exit("cannot be imported: " + ", ".join(answer["missing"]))


if __name__ == "__main__":
    warm(sys.argv[1:])
