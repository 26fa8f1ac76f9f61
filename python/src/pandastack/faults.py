"""Servers that are not reached, and connections that break, in words that say what to do."""

from __future__ import annotations

import re
import ssl

import certifi

from .errors import ConnectionError, TimeoutError
from .hints import NO_SUCH_HOST_HINT


def default_tls() -> ssl.SSLContext:
    """Whom the system trusts, and whom browsers do: a server of one's own often has a certificate of one's own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


# What OpenSSL says about certificates, and to a server without TLS; an end in the middle is a connection that broke.
_TLS_FAILURE = re.compile(r"CERTIFICATE_VERIFY_FAILED|\[SSL: (?!UNEXPECTED_EOF)|\[X509")
_NO_SUCH_HOST = re.compile(
    r"Name or service not known|name resolution|nodename nor servname|No address associated", re.I
)


def connection_error(base_url: str, error: Exception) -> ConnectionError:
    """No answer, or not all of it."""
    reason = str(error) or type(error).__name__
    is_tls = _TLS_FAILURE.search(reason) is not None
    return ConnectionError(
        f"cannot reach PandaStack at {base_url}: {reason}",
        code="client.tls" if is_tls else "client.connection",
        # A certificate is not better a moment later.
        retryable=not is_tls,
        hint=NO_SUCH_HOST_HINT if _NO_SUCH_HOST.search(reason) else None,
    )


def no_answer(base_url: str, seconds: float) -> TimeoutError:
    """The whole limit went by."""
    return TimeoutError(f"no answer from {base_url} within {seconds:g} s", code="client.timeout")
