"""Where the server is and who asks."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_BASE_URL = "http://127.0.0.1:8080"
"""Where `npm start` listens."""

DEFAULT_TIMEOUT_SECONDS = 60.0
"""Twice what the server lets a create wait in its queue, and some."""


@dataclass(frozen=True)
class Config:
    """What a client was told, or found."""

    base_url: str
    api_key: str | None
    timeout_seconds: float
    preview_host: str

    def __repr__(self) -> str:
        """Without the token: this ends up in logs."""
        return f"Config(base_url={self.base_url!r}, timeout_seconds={self.timeout_seconds!r})"


def resolve_config(
    api_key: str | None = None,
    base_url: str | None = None,
    timeout_seconds: float | None = None,
    preview_host: str | None = None,
    env: Mapping[str, str] = os.environ,
) -> Config:
    """Arguments win over the environment, the environment over the file that `npm start` writes."""
    file = _read_config_file(config_path(env))
    url = base_url or env.get("PANDASTACK_API_URL") or env.get("PANDASTACK_API")
    url = url or _text(file, "baseUrl", "apiUrl", "base_url", "api_url") or DEFAULT_BASE_URL
    key = api_key or env.get("PANDASTACK_API_KEY") or env.get("PANDASTACK_TOKEN")
    url = re.sub(r"/v1$", "", url.rstrip("/"))
    return Config(
        base_url=url,
        api_key=key or _text(file, "apiKey", "token", "api_key"),
        timeout_seconds=DEFAULT_TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds,
        preview_host=preview_host or env.get("PANDASTACK_PREVIEW_HOST") or _preview_host_of(url),
    )


def _preview_host_of(base_url: str) -> str:
    """Names below `localhost` are this machine to every browser; an address has no names below it."""
    match = re.match(r"https?://(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)(:\d+)?", base_url)
    if match is None:
        return "localhost"
    name, port = match.group(1), match.group(2) or ""
    is_address = re.fullmatch(r"[\d.]+|\[.*\]", name) is not None
    return ("localhost" if is_address else name.removeprefix("api.")) + port


def config_path(env: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CONFIG_HOME/pandastack/config.json`, by default under `~/.config`."""
    home = Path(env.get("HOME") or Path.home())
    return Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pandastack" / "config.json"


def _read_config_file(path: Path) -> Mapping[str, object]:
    """A file that is not there, or not JSON, is no configuration."""
    try:
        value: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(file: Mapping[str, object], *names: str) -> str | None:
    """Files of other ages spell the two keys otherwise."""
    for name in names:
        value = file.get(name)
        if isinstance(value, str) and value:
            return value
    return None
