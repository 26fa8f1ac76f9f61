"""What all of them are, and how an answer becomes one.

Words that a server chooses from (`status`, `runtime`, …) are plain text: a newer one may have more of them.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import ConnectionError


class Model(BaseModel):
    """What all of them are."""

    model_config = ConfigDict(frozen=True, extra="allow")


AnyModel = TypeVar("AnyModel", bound=Model)


def parse(model: type[AnyModel], value: object) -> AnyModel:
    """An answer as what it should be."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise bad_answer(f"{model.__name__} has {error.error_count()} wrong fields") from error


def parse_list(model: type[AnyModel], value: object) -> list[AnyModel]:
    """An answer that is a list of them."""
    if not isinstance(value, list):
        raise bad_answer("it is no list")
    return [parse(model, item) for item in value]


def bad_answer(what: str) -> ConnectionError:
    """Whoever answered is no PandaStack server, or of an age that this client does not understand."""
    return ConnectionError(f"the server's answer makes no sense: {what}", code="client.bad_answer")
