"""What sandboxes can be made from."""

from __future__ import annotations

import builtins
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from typing_extensions import Unpack

from ..build_context import (
    ContextFile,
    RegistryCredentials,
    build_form,
    collect_context,
    open_image,
    open_rootfs,
    secrets_field,
)
from ..models import TemplateBuildInfo, TemplateInfo, parse, parse_list
from ..options import TemplateWaitOptions, check_options
from ..recipes import Template
from ..requests import FormPart, segment
from .builds import AsyncTemplateBuild
from .http import AsyncHttp, Call
from .local import in_thread
from .template_names import AsyncTemplateNames
from .template_wait import when_template_is_ready

_COPY_OF_CONTEXT = re.compile(r"^\s*(copy|add)\s+(?!(--\S+\s+)*--from=)", re.IGNORECASE | re.MULTILINE)


class BuildOptions(TemplateWaitOptions, total=False):
    """What a template is built from, beside its recipe."""

    context: str | os.PathLike[str] | None
    """Folder that copies are taken from. Default: the working folder."""
    is_wanted: Callable[[str], bool] | None
    """Which of its files are sent, by their paths in it. Default: all."""
    replace: bool | None
    """In the place of another that has this name."""
    cpu: int | None
    memory_mb: int | None
    disk_mb: int | None
    secrets: Mapping[str, str | bytes] | None
    """What steps may ask for by id, for this build alone: tokens, passwords, keys. Kept nowhere."""
    credentials: RegistryCredentials | None
    """For the registry of the image that it begins with: used for this one build and kept nowhere."""
    timeout_seconds: float | None
    """For the answer that it has begun."""


class AsyncTemplates:
    """What sandboxes can be made from: a catalogue, and your own."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http
        self.names = AsyncTemplateNames(http)
        """Versions, tags, other names, and who may use them."""

    async def list(
        self, *, published: bool | None = None, timeout_seconds: float | None = None
    ) -> builtins.list[TemplateInfo]:
        """The catalogue, then the workspace's own; with `published` what other workspaces let it use, too."""
        call = Call(query={"published": published}, timeout_seconds=timeout_seconds)
        return parse_list(TemplateInfo, await self._http.json("GET", "/templates", call))

    async def get(self, name: str, *, timeout_seconds: float | None = None) -> TemplateInfo:
        """By its name or an alias; `name:tag`, `name@version`, and `workspace/name` of one that is published."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse(TemplateInfo, await self._http.json("GET", f"/templates/{segment(name)}", call))

    async def delete(self, name: str, *, timeout_seconds: float | None = None) -> None:
        """One of the workspace's own, or one tag or version of it. Sandboxes made from it live on."""
        await self._http.json("DELETE", f"/templates/{segment(name)}", Call(timeout_seconds=timeout_seconds))

    async def build(self, name: str, template: Template, **options: Unpack[BuildOptions]) -> AsyncTemplateBuild:
        """Begins to build; an identical earlier build is answered as it is.

        Example:
            build = await client.templates.build("my-app", Template.from_("base").run("pip install flask"))
            await build.done(on_line=print)

        Raises:
            ConflictError: `template.exists`, where there is another of this name, unless `replace` is said
        """
        stages = template.recipe.get("stages", [])
        steps = [*template.recipe["steps"], *(step for stage in stages for step in stage["steps"])]
        has_copies = any("copy" in step and "source" not in step["copy"] for step in steps)
        return await self._build({"name": name, "recipe": json.dumps(template.recipe)}, has_copies, options)

    async def build_dockerfile(
        self,
        name: str,
        dockerfile: str,
        *,
        build_args: Mapping[str, str] | None = None,
        **options: Unpack[BuildOptions],
    ) -> AsyncTemplateBuild:
        """The same from a Dockerfile's text."""
        has_copies = _COPY_OF_CONTEXT.search(dockerfile) is not None
        fields = {"name": name, "dockerfile": dockerfile}
        if build_args is not None:
            fields["build_args"] = json.dumps(dict(build_args))
        return await self._build(fields, has_copies, options)

    async def build_image(
        self, name: str, image: str | os.PathLike[str], **options: Unpack[BuildOptions]
    ) -> AsyncTemplateBuild:
        """Of an image: of a registry (`registry.example.com/name:tag`), or, as a `Path`, of a file or folder here.

        Those are an OCI layout, or what `docker save` wrote.
        """
        if isinstance(image, str):
            return await self._build({"name": name, "image_ref": image}, False, options)
        with await in_thread(lambda: open_image(image)) as file:
            return await self._build({"name": name}, False, options, FormPart("image", file, Path(image).name))

    async def build_rootfs(
        self, name: str, path: str | os.PathLike[str], **options: Unpack[BuildOptions]
    ) -> AsyncTemplateBuild:
        """Of a root file system: a tar archive, plain or compressed with gzip or zstd."""
        with open_rootfs(path) as file:
            return await self._build({"name": name}, False, options, FormPart("rootfs", file, Path(path).name))

    async def build_catalogue(
        self, name: str, *, timeout_seconds: float | None = None, **options: Unpack[TemplateWaitOptions]
    ) -> AsyncTemplateBuild:
        """One of the catalogue."""
        check_options(options, TemplateWaitOptions)
        path, call = f"/templates/{segment(name)}/build", Call(timeout_seconds=timeout_seconds)
        info = await when_template_is_ready(
            self._http, options, timeout_seconds, lambda: self._http.json("POST", path, call)
        )
        return AsyncTemplateBuild(self._http, parse(TemplateBuildInfo, info))

    async def builds(self, *, timeout_seconds: float | None = None) -> builtins.list[TemplateBuildInfo]:
        """The workspace's builds, newest first."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse_list(TemplateBuildInfo, await self._http.json("GET", "/templates/builds", call))

    async def get_build(self, build_id: str, *, timeout_seconds: float | None = None) -> AsyncTemplateBuild:
        """One build, by its id.

        Raises:
            NotFoundError: `template.build_unknown`
        """
        call = Call(timeout_seconds=timeout_seconds)
        info = await self._http.json("GET", f"/templates/builds/{segment(build_id)}", call)
        return AsyncTemplateBuild(self._http, parse(TemplateBuildInfo, info))

    async def _build(
        self, fields: dict[str, str], has_copies: bool, options: BuildOptions, *uploads: FormPart
    ) -> AsyncTemplateBuild:
        check_options(options, BuildOptions)
        sizes = {"cpu": options.get("cpu"), "memory_mb": options.get("memory_mb"), "size_mb": options.get("disk_mb")}
        fields = {**fields, **{name: str(size) for name, size in sizes.items() if size is not None}}
        if options.get("replace"):
            fields["replace"] = "true"
        secrets = options.get("secrets")
        if secrets is not None:
            fields["secrets"] = secrets_field(secrets)
        credentials = options.get("credentials")
        if credentials is not None:
            fields["registry_username"] = credentials.username
            fields["registry_password"] = credentials.password
            if credentials.registry is not None:
                fields["registry"] = credentials.registry
        files: dict[str, ContextFile] = {}
        if has_copies:
            files = await in_thread(lambda: collect_context(options.get("context") or ".", options.get("is_wanted")))
        call = Call(form=[*build_form(fields, files), *uploads], timeout_seconds=options.get("timeout_seconds"))
        info = await when_template_is_ready(
            self._http, options, call.timeout_seconds, lambda: self._http.json("POST", "/templates/build", call)
        )
        return AsyncTemplateBuild(self._http, parse(TemplateBuildInfo, info))
