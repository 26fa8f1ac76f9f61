"""The words of scenarios, in Python: paths, options, expectations. `tests/scenarios/scenarios.ts` says what they mean."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from typing_extensions import NotRequired, TypedDict

from pandastack import VolumeMount

FILE = Path(__file__).resolve().parents[2] / "tests/scenarios/client.json"

# In words that Python keeps for others, or has others for.
SPELLED = {"read_text": "read"}


class Failure(TypedDict):
    kind: str
    code: NotRequired[str]
    hint: NotRequired[str]


Step = TypedDict(
    "Step",
    {
        "do": NotRequired[str],
        "get": NotRequired[str],
        "with": NotRequired[list[Any]],
        "options": NotRequired[dict[str, Any]],
        "save": NotRequired[str],
        "take": NotRequired[int],
        "times": NotRequired[int],
        "hears": NotRequired[dict[str, str]],
        "gives": NotRequired[Any],
        "fails": NotRequired[Failure],
    },
)


class Scenario(TypedDict):
    name: str
    needs: NotRequired[str]
    steps: list[Step]


SCENARIOS: list[Scenario] = json.loads(FILE.read_text("utf-8"))


def find(saved: dict[str, Any], path: str) -> Any:
    """What a path leads to: `sandbox.files.read_text`, `pair.0`."""
    first, *rest = path.split(".")
    value = saved[first]
    for name in rest:
        if name.isdigit():
            value = value[int(name)]
        elif isinstance(value, dict):
            value = value[name]
        else:
            value = getattr(value, SPELLED.get(name, name))
    return value


def filled(saved: dict[str, Any], value: Any) -> Any:
    """With what was saved in its place."""
    if isinstance(value, str):
        name = re.fullmatch(r"\$([a-z]+(?:\.[a-z0-9_]+)*)", value)
        if name is None or name.group(1) == "unique":
            return value.replace("$unique", saved["unique"])
        return find(saved, name.group(1))
    if isinstance(value, list):
        return [filled(saved, each) for each in value]
    if isinstance(value, dict):
        return {key: filled(saved, each) for key, each in value.items()}
    return value


def options_of(saved: dict[str, Any], step: Step) -> dict[str, Any]:
    """By keyword, as they are named."""
    options: dict[str, Any] = filled(saved, step.get("options", {}))
    if "volumes" in options:
        options["volumes"] = [VolumeMount(**each) for each in options["volumes"]]
    return options


def matches(value: Any, wanted: Any, where: str = "it") -> str | None:
    """What is wrong with a value, or None: of objects only the fields that are named are compared."""
    wrong = f"{where} is {value!r}, not {wanted!r}"
    if isinstance(wanted, list):
        if not isinstance(value, list) or len(value) != len(wanted):
            return wrong
        pairs = enumerate(zip(value, wanted, strict=True))
        return _first(matches(one, other, f"{where}[{index}]") for index, (one, other) in pairs)
    if not isinstance(wanted, dict):
        return None if value == wanted else wrong
    if "$some" in wanted:
        is_there = any(matches(each, wanted["$some"]) is None for each in value)
        return None if is_there else f"{where}, {value!r}, has no {wanted['$some']!r}"
    if "$matches" in wanted:
        return None if re.search(wanted["$matches"], str(value)) else wrong
    if "$bytes" in wanted:
        return None if _text(value) == wanted["$bytes"] else wrong
    if "$bytes_contain" in wanted:
        return None if wanted["$bytes_contain"] in _text(value) else wrong
    return _first(matches(_field(value, name), each, f"{where}.{name}") for name, each in wanted.items())


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def _text(value: Any) -> str:
    content: bytes = b"".join(value) if isinstance(value, list) else value
    return content.decode()


def _first(all_wrong: Any) -> str | None:
    return next((each for each in all_wrong if each is not None), None)
