"""Servers that are not reached, and connections that break, in words that say what to do."""

from __future__ import annotations

import re
import ssl
from datetime import datetime, timezone

import certifi

from .errors import ConnectionError, TimeoutError


def default_tls() -> ssl.SSLContext:
    """Whom the system trusts, and whom browsers do: a server of one's own often has a certificate of one's own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


# What OpenSSL says about certificates, and to a server without TLS; an end in the middle is a connection that broke.
_TLS_FAILURE = re.compile(r"CERTIFICATE_VERIFY_FAILED|\[SSL: (?!UNEXPECTED_EOF)|\[X509")

# What to do where the reason says more than the code: by the words of resolvers and of OpenSSL. `{now}`: this machine's time.
_HINTS = (
    (
        re.compile(r"Name or service not known|name resolution|nodename nor servname|No address associated", re.I),
        "there is no host of this name: check base_url or PANDASTACK_API_URL",
    ),
    (
        re.compile(r"certificate (has expired|is not yet valid)", re.I),
        "its certificate is not valid now, and now is {now} by this machine's clock: set the clock right, or the server needs a "
        "new certificate",
    ),
    (
        re.compile(r"(Hostname|IP address) mismatch", re.I),
        "its certificate is another host's: base_url or PANDASTACK_API_URL must have the name that the certificate has",
    ),
)


def connection_error(base_url: str, error: Exception) -> ConnectionError:
    """No answer, or not all of it."""
    reason = str(error) or type(error).__name__
    is_tls = _TLS_FAILURE.search(reason) is not None
    hint = next((text for words, text in _HINTS if words.search(reason)), None)
    return ConnectionError(
        f"cannot reach PandaStack at {base_url}: {reason}",
        code="client.tls" if is_tls else "client.connection",
        # A certificate is not better a moment later.
        retryable=not is_tls,
        hint=None if hint is None else hint.format(now=datetime.now(timezone.utc).isoformat(timespec="seconds")),
    )


def no_answer(base_url: str, seconds: float) -> TimeoutError:
    """The whole limit went by."""
    return TimeoutError(f"no answer from {base_url} within {seconds:g} s", code="client.timeout")
