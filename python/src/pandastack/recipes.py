"""Templates in the making."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .requests import Json, given


@dataclass(frozen=True)
class StepSecret:
    """One of a build's secrets in a step: a file, `/run/secrets/<id>` unless `target` says another, or a variable."""

    id: str
    target: str | None = None
    env: str | None = None


@dataclass(frozen=True)
class Template:
    """A template in the making, step by step; each call answers a new one. Nothing happens before `templates.build`.

    Example:
        template = Template.from_("base").run("pip install flask").copy("app.py", "/srv/").workdir("/srv").start("python3 app.py")
        client.templates.build("my-app", template).done()
    """

    recipe: Json = field(default_factory=lambda: {"from": "base", "steps": []})
    """What the server is sent."""

    @classmethod
    def from_(cls, template: str) -> Template:
        """On top of another template, or of an image: `registry.example.com/name:tag`."""
        return cls({"from": template, "steps": []})

    def run(
        self,
        shell: str | Sequence[str],
        *,
        timeout_seconds: int | None = None,
        secrets: Sequence[str | StepSecret] | None = None,
    ) -> Template:
        """A line of shell, or several. It fails the build unless it ends with 0.

        Args:
            shell: for `/bin/sh -c`
            timeout_seconds: of the step. Default 600, at most 3600
            secrets: those that it needs, of what `build` is given: they are there while it runs, and in nothing that is kept
        """
        text = shell if isinstance(shell, str) else " && ".join(shell)
        full = None
        if secrets is not None:
            wanted = [StepSecret(each) if isinstance(each, str) else each for each in secrets]
            full = [given(id=each.id, target=each.target, env=each.env) for each in wanted]
        return self._with_step(given(run=text, timeout_seconds=timeout_seconds, secrets=full))

    def copy(
        self, source: str | Sequence[str], target: str, *, owner: str | None = None, mode: str | None = None
    ) -> Template:
        """Files and folders of the context, which is the working folder unless the build says another.

        Args:
            source: paths in the context; `*`, `?` and `**` as in shells
            target: with a slash at its end: into this folder
            owner: `user` or `user:group`. Default root
            mode: octal. Default: the file's own
        """
        sources = [source] if isinstance(source, str) else [*source]
        return self._with_step({"copy": {"from": sources, "to": target, **given(owner=owner, mode=mode)}})

    def copy_from(
        self,
        origin: str | Template,
        source: str | Sequence[str],
        target: str,
        *,
        owner: str | None = None,
        mode: str | None = None,
    ) -> Template:
        """Files of another template, of an image, or of one in the making, which is built beside this one and not kept.

        Example:
            compiled = Template.from_("my-compiler").run("make")
            Template.from_("base").copy_from(compiled, "/out/app", "/usr/local/bin/")
        """
        sources = [source] if isinstance(source, str) else [*source]
        copy: Json = {"from": sources, "to": target, **given(owner=owner, mode=mode)}
        if isinstance(origin, str):
            return self._with_step({"copy": {**copy, "source": origin}})
        stages, name = _with_stage(self.recipe.get("stages", []), origin.recipe)
        return self._with(stages=stages)._with_step({"copy": {**copy, "source": name}})

    def env(self, variables: Mapping[str, str]) -> Template:
        """For the steps that follow, and every process of the sandboxes."""
        return self._with_step({"env": dict(variables)})

    def workdir(self, path: str) -> Template:
        """Where the following steps and the program work; it is made where it is not there."""
        return self._with_step({"workdir": path})

    def user(self, name: str) -> Template:
        """Who runs the following steps and the program."""
        return self._with_step({"user": name})

    def start(self, shell: str) -> Template:
        """Runs when the template's memory is taken: sandboxes have it running from their first moment."""
        return self._with(start=shell)

    def ready(self, shell: str, *, timeout_seconds: int | None = None) -> Template:
        """Tried until it ends with 0; only then is memory taken."""
        return self._with(ready=shell, **given(ready_timeout_seconds=timeout_seconds))

    def size(self, *, cpu: int | None = None, memory_mb: int | None = None, disk_mb: int | None = None) -> Template:
        """Of the sandboxes."""
        return self._with(**given(cpu=cpu, memory_mb=memory_mb, disk_mb=disk_mb))

    def _with_step(self, step: Json) -> Template:
        return self._with(steps=[*self.recipe["steps"], step])

    def _with(self, **fields: object) -> Template:
        return replace(self, recipe={**self.recipe, **fields})


def _with_stage(before: list[Json], recipe: Json) -> tuple[list[Json], str]:
    """The stages that a recipe comes to, its own first, and the name of its own; the same one is built once."""
    stages = [*before]
    names: dict[str, str] = {}

    def renamed(steps: Sequence[Json]) -> list[Json]:
        return [
            {"copy": {**step["copy"], "source": names[step["copy"]["source"]]}}
            if step.get("copy", {}).get("source") in names
            else step
            for step in steps
        ]

    def add(origin: str, steps: list[Json]) -> str:
        for stage in stages:
            if (stage["from"], stage["steps"]) == (origin, steps):
                return str(stage["name"])
        name = f"stage-{len(stages) + 1}"
        stages.append({"name": name, "from": origin, "steps": steps})
        return name

    for stage in recipe.get("stages", []):
        names[stage["name"]] = add(stage["from"], renamed(stage["steps"]))
    name = add(recipe["from"], renamed(recipe["steps"]))
    return stages, name
