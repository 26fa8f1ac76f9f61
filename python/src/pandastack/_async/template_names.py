"""What templates are called, and who may use them."""

from __future__ import annotations

from ..models import TemplateInfo, TemplateTagInfo, TemplateVersionInfo, parse, parse_list
from ..requests import given, segment
from .http import AsyncHttp, Call


class AsyncTemplateNames:
    """Versions, tags, other names, and who may use them.

    `name:tag`, `name@version`, and `workspace/name` of one that is published stand wherever a template's name does.
    """

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def versions(self, name: str, *, timeout_seconds: float | None = None) -> list[TemplateVersionInfo]:
        """What a template's builds have made, newest first; `name@id` is that version for good."""
        answer = await self._http.json("GET", f"{_path(name)}/versions", Call(timeout_seconds=timeout_seconds))
        return parse_list(TemplateVersionInfo, answer)

    async def tags(self, name: str, *, timeout_seconds: float | None = None) -> list[TemplateTagInfo]:
        """A template's tags, and the version that each stands for."""
        answer = await self._http.json("GET", f"{_path(name)}/tags", Call(timeout_seconds=timeout_seconds))
        return parse_list(TemplateTagInfo, answer)

    async def tag(
        self, name: str, tag: str, *, source: str | None = None, timeout_seconds: float | None = None
    ) -> TemplateTagInfo:
        """Gives a version a tag, or moves the tag to it: `name:tag` is that version from then on.

        Args:
            name: of the template
            tag: the new tag
            source: a tag or a version's id. Default: what the name alone stands for
            timeout_seconds: of this call
        """
        call = Call(json=given(**{"from": source}), timeout_seconds=timeout_seconds)
        return parse(TemplateTagInfo, await self._http.json("PUT", f"{_path(name)}/tags/{segment(tag)}", call))

    async def untag(self, name: str, tag: str, *, timeout_seconds: float | None = None) -> None:
        """Takes a tag away. Its version stays; a template whose last tag this was goes."""
        await self._http.json("DELETE", f"{_path(name)}/tags/{segment(tag)}", Call(timeout_seconds=timeout_seconds))

    async def alias(self, name: str, alias: str, *, timeout_seconds: float | None = None) -> TemplateInfo:
        """Another name in this workspace, for a template of its own, everyone's, or one that is published."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse(TemplateInfo, await self._http.json("PUT", f"{_path(name)}/aliases/{segment(alias)}", call))

    async def unalias(self, name: str, alias: str, *, timeout_seconds: float | None = None) -> None:
        """Takes another name away."""
        call = Call(timeout_seconds=timeout_seconds)
        await self._http.json("DELETE", f"{_path(name)}/aliases/{segment(alias)}", call)

    async def publish(self, name: str, *, timeout_seconds: float | None = None) -> TemplateInfo:
        """Lets every workspace use it, as `workspace/name`; none of them can change it. For admins."""
        call = Call(is_repeatable=True, timeout_seconds=timeout_seconds)
        return parse(TemplateInfo, await self._http.json("POST", f"{_path(name)}/publish", call))

    async def unpublish(self, name: str, *, timeout_seconds: float | None = None) -> TemplateInfo:
        """Its workspace's alone again; what others have made of it lives on. For admins."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse(TemplateInfo, await self._http.json("DELETE", f"{_path(name)}/publish", call))


def _path(name: str) -> str:
    return f"/templates/{segment(name)}"
