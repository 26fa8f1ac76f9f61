"""What a sandbox may reach."""

from __future__ import annotations

from typing import Literal

# pydantic reads it, and takes typing's own only from Python 3.12 on.
from typing_extensions import TypedDict


class EgressRules(TypedDict, total=False):
    """Names are `example.com` (that alone) or `*.example.com` (all below it); addresses `198.51.100.7`, `198.51.100.0/24`."""

    allow: list[str]
    """Nothing else is reached. Left out: everything that is not shut for all."""
    deny: list[str]
    """Goes before `allow`."""
    allowPrivate: list[str]
    """Private networks to open, as far as operator and workspace let it."""


class NetworkPolicy(TypedDict):
    """`{"egress": "open"}`, `{"egress": "off"}` or `{"egress": {"allow": ["*.example.com"]}}`."""

    egress: Literal["open", "off"] | EgressRules
