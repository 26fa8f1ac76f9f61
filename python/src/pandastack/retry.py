"""When to ask again."""

from __future__ import annotations

import random

from .errors import PandaStackError

MAX_ATTEMPTS = 4
"""The first try and the repetitions after it."""

LEAST_ATTEMPT_SECONDS = 0.25
"""An answer from far away may take as long: with less time there is no use in asking again."""

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0
# Added to what the server asks for, so that those who were refused together don't come back together.
_RETRY_AFTER_JITTER = 0.25


def pause_before(attempt: int, error: Exception, is_repeatable: bool, chance: float | None = None) -> float | None:
    """How long to wait before asking again, in seconds; None: not at all.

    Only faults that the server calls retriable, or a connection that broke, and only where asking twice does no harm. A 429 has
    done nothing: it may always be repeated. `chance` is from 0 to 1.
    """
    if not isinstance(error, PandaStackError) or not error.retryable or attempt >= MAX_ATTEMPTS:
        return None
    if not is_repeatable and error.status != 429:
        return None
    # Takes minutes: repeated by whoever can say how far it is.
    if error.code == "template.not_ready":
        return None
    chance = random.random() if chance is None else chance
    if error.retry_after_seconds is not None:
        return error.retry_after_seconds * (1 + _RETRY_AFTER_JITTER * chance)
    # Half of it certain, half of it random: nobody comes back at once, and not everybody at the same time.
    pause = min(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), _LONGEST_PAUSE_SECONDS)
    return float(pause * (0.5 + 0.5 * chance))
