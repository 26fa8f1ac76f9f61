"""What the TypeScript client can, this one can."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pandastack

TYPESCRIPT = Path(__file__).resolve().parents[2] / "packages/sdk/src"

# What Python says in another way. A dotted name is one member, a plain one a whole class.
IN_PYTHONS_MANNER = {
    # Lists are lists, and streams are iterated: `for`, `next`, `with`.
    "Listing": "list",
    "Stream.next": "__next__",
    "Stream.return": "close",
    "Stream.for_each": "__iter__",
    "Stream.to_array": "to_list",
    # Bytes and text: as `open` has them, the short name is the text.
    "Files.read_text": "read",
    "Files.read": "read_bytes",
    # The client's own: `client.request` speaks through it.
    "PandaStack.http": "http",
    "Terminal.exited": "exit",
    # Python keeps `from` for itself.
    "Template.from": "from_",
}


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match.group(1).lower(), name)


def members_of_typescript() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    exported = set(re.findall(r"\w+", (TYPESCRIPT / "index.ts").read_text("utf-8")))
    for path in sorted(TYPESCRIPT.rglob("*.ts")):
        for name, body in re.findall(r"^export class (\w+)[^{]*\{\n(.*?)^\}", path.read_text("utf-8"), re.M | re.S):
            if name not in exported or name.endswith("Error"):
                continue
            methods = re.findall(r"^  (?:static |async |get )*(\w+)(?:<[^>]*>)?\(", body, re.M)
            fields = re.findall(r"^  readonly (\w+)\??[:;= ]", body, re.M)
            found[name] = {snake(member) for member in (*methods, *fields) if member != "constructor"}
    return found


MEMBERS = members_of_typescript()


def test_the_other_client_was_found() -> None:
    assert {"Sandbox", "Files", "Git", "Search", "Templates", "TemplateBuild", "Volume"} <= set(MEMBERS)
    assert {"explore", "fork_tree", "set_ttl", "commands"} <= MEMBERS["Sandbox"]


@pytest.mark.parametrize("name", [name for name in MEMBERS if name not in IN_PYTHONS_MANNER])
def test_a_class_has_every_member_of_its_twin(name: str) -> None:
    ours = getattr(pandastack, name)
    here = {*dir(ours), *vars_of(ours), *getattr(ours, "__dataclass_fields__", ())}
    wanted = {IN_PYTHONS_MANNER.get(f"{name}.{member}", member) for member in MEMBERS[name]}
    assert wanted - here == set()


def vars_of(kind: type) -> set[str]:
    """What its makers give it: `self.commands = …`."""
    names: set[str] = set()
    for each in kind.__mro__:
        maker = vars(each).get("__init__")
        if maker is not None and hasattr(maker, "__code__"):
            names |= set(maker.__code__.co_names)
    return names
