"""What calls that make sandboxes can be told, by keyword."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from typing_extensions import TypedDict

from .executions import CodeFailure
from .models import CodeResultInfo, TemplateBuildInfo
from .network import NetworkPolicy
from .requests import Json, VolumeMount, given


class CreationOptions(TypedDict, total=False):
    """Of every call that makes something."""

    idempotency_key: str | None
    """The server does the work once for a key, however often it is asked, for 24 hours. Default: one for this call."""
    timeout_seconds: float | None
    """Longest wait for the answer, repetitions included; 0: for ever. Default: the client's."""


class TemplateWaitOptions(TypedDict, total=False):
    """Of calls that need a template which may have to be built, or made for another runtime, first."""

    template_timeout_seconds: float | None
    """How long to wait for that; 0: not at all, `template.not_ready` is raised. Default: `timeout_seconds`, or half an hour."""
    on_template_build: Callable[[TemplateBuildInfo], object] | None
    """Told how far its build is, whenever that changes."""


class CreateOptions(CreationOptions, TemplateWaitOptions, total=False):
    """What a new sandbox is."""

    template: str | None
    """Default: the server's, `base`. One of the catalogue that was never used here is built first, which takes minutes."""
    from_snapshot: str | None
    """A snapshot's id: starts as that was, memory and all; the template is then the snapshot's."""
    runtime: str | None
    """`auto` (the server's choice, and the default), `microvm`, `gvisor`."""
    cpu: int | None
    """More processors than the template's, as far as the host gives so many."""
    memory_mb: int | None
    """More memory than the template's, in steps. The first sandbox of a size waits for its memory to be made."""
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
    egress_mbps: float | None
    """Megabits a second that may leave each. Default: the parent's; None: no limit."""
    volumes: Literal["read_only", "clone"] | None
    """Of each volume that the parent writes to: what is on it now, for reading (default), or a clone of the child's own."""


class ContextRunOptions(TypedDict, total=False):
    """How code runs, and who is called while it does."""

    env: Mapping[str, str] | None
    """For this cell alone."""
    timeout_seconds: float | None
    """The code's own limit: it is interrupted then; its context stays, with its variables."""
    on_stdout: Callable[[str], object] | None
    """Gets pieces of text as they come."""
    on_stderr: Callable[[str], object] | None
    """As `on_stdout`."""
    on_result: Callable[[CodeResultInfo], object] | None
    """Gets what it displays, and the value of its last expression."""
    on_error: Callable[[CodeFailure], object] | None
    """Gets why it ended before its end."""


class RunCodeOptions(ContextRunOptions, total=False):
    """How code runs, and where."""

    language: str | None
    """python (default), javascript, typescript, bash."""
    context: HasId | str | None
    """A context, or its id. Default: the one that its language has for all who name none."""


class HasId(Protocol):
    """A handle of something that has an id."""

    @property
    def id(self) -> str:
        """What others name it by."""


def create_body(options: CreateOptions) -> Json:
    """Of a create. TypeError for a word that is none of the options."""
    check_options(options, CreateOptions)
    body = _without_call(options)
    volumes = options.get("volumes")
    if volumes is not None:
        full = [VolumeMount(each) if isinstance(each, str) else each for each in volumes]
        body["volumes"] = [given(name=each.name, path=each.path, read_only=each.read_only) for each in full]
    return body


def fork_body(count: int | None, options: ForkOptions) -> Json:
    """Of a fork. TypeError for a word that is none of the options."""
    check_options(options, ForkOptions)
    body = {**given(count=count), **_without_call(options)}
    if "egress_mbps" in options:
        # None says something, too.
        body["egress_mbps"] = options["egress_mbps"]
    return body


def code_body(code: str, options: RunCodeOptions) -> Json:
    """Of a cell. TypeError for a word that is none of the options."""
    check_options(options, RunCodeOptions)
    context, env, timeout_seconds = options.get("context"), options.get("env"), options.get("timeout_seconds")
    return given(
        code=code,
        language=options.get("language"),
        context_id=context if context is None or isinstance(context, str) else context.id,
        env=None if env is None else dict(env),
        timeout_ms=round(timeout_seconds * 1000) if timeout_seconds else None,
    )


def check_options(options: Mapping[str, object], kind: type) -> None:
    """TypeError for a word that is none of the options, as Python's own calls have it."""
    names: frozenset[str] = getattr(kind, "__optional_keys__", frozenset())
    for name in options:
        if name not in names:
            raise TypeError(f"there is no option {name!r}; there are {', '.join(sorted(names))}")


def _without_call(options: Mapping[str, object]) -> Json:
    ours = CreationOptions.__optional_keys__ | TemplateWaitOptions.__optional_keys__
    return given(**{name: value for name, value in options.items() if name not in ours})
