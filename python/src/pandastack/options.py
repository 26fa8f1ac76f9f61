"""What calls that make sandboxes can be told, by keyword."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from typing_extensions import TypedDict

from .network import NetworkPolicy
from .requests import Json, VolumeMount, given


class CreationOptions(TypedDict, total=False):
    """Of every call that makes something."""

    idempotency_key: str | None
    """The server does the work once for a key, however often it is asked, for 24 hours. Default: one for this call."""
    timeout_seconds: float | None
    """Longest wait for the answer, repetitions included; 0: for ever. Default: the client's."""


class CreateOptions(CreationOptions, total=False):
    """What a new sandbox is."""

    template: str | None
    """Default: the server's, `base`."""
    from_snapshot: str | None
    """A snapshot's id: starts as that was, memory and all; the template is then the snapshot's."""
    runtime: str | None
    """`auto` (the server's choice, and the default), `microvm`, `gvisor`."""
    ttl_seconds: int | None
    """Idle time after which it is removed; 0: never. Default: the server's, an hour."""
    persistent: bool | None
    """Never removed for being idle; its disk outlives its VMM."""
    on_idle: Literal["hibernate", "kill"] | None
    """What to do once nobody has used it and its network has carried nothing for `idle_timeout_seconds`; using a hibernated one
    wakes it. Takes the TTL's place, unless that is given, too."""
    idle_timeout_seconds: int | None
    """Default: 300."""
    metadata: Mapping[str, str] | None
    """Labels of your own."""
    env: Mapping[str, str] | None
    """Environment of every command."""
    network: NetworkPolicy | None
    """What it may reach: `{"egress": "off"}`, `{"egress": {"allow": ["*.example.com"]}}`. Default: the workspace's, else open."""
    egress_mbps: float | None
    """Megabits a second that may leave it. Default: no limit."""
    volumes: Sequence[VolumeMount | str] | None
    """Mounted once it answers. At most four."""


class ForkOptions(CreationOptions, total=False):
    """What the children of a fork are."""

    metadata: Mapping[str, str] | None
    """Labels of your own."""
    ttl_seconds: int | None
    """Default: the parent's."""
    persistent: bool | None
    """Default False, whatever the parent is."""
    env: Mapping[str, str] | None
    """On top of the parent's."""
    network: NetworkPolicy | None
    """What they may reach. Default: what the parent may."""
    volumes: Literal["read_only", "clone"] | None
    """Of each volume that the parent writes to: what is on it now, for reading (default), or a clone of the child's own."""


def create_body(options: CreateOptions) -> Json:
    """Of a create. TypeError for a word that is none of the options."""
    body = _known(options, CreateOptions.__optional_keys__)
    volumes = options.get("volumes")
    if volumes is not None:
        full = [VolumeMount(each) if isinstance(each, str) else each for each in volumes]
        body["volumes"] = [given(name=each.name, path=each.path, read_only=each.read_only) for each in full]
    return body


def fork_body(count: int | None, options: ForkOptions) -> Json:
    """Of a fork. TypeError for a word that is none of the options."""
    return {**given(count=count), **_known(options, ForkOptions.__optional_keys__)}


def _known(options: Mapping[str, object], names: frozenset[str]) -> Json:
    for name in options:
        if name not in names:
            raise TypeError(f"there is no option {name!r}; there are {', '.join(sorted(names))}")
    return given(**{name: value for name, value in options.items() if name not in CreationOptions.__optional_keys__})
