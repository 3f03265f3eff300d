"""What can go wrong between a client and its server.

C2Error
├── Refused       the server says no
├── Unreachable   the server does not answer
└── TooSlow       more came in than was read
"""

from __future__ import annotations

import msgspec


class C2Error(Exception):
    """Anything that goes wrong here; by itself a breach of the protocol, or an answer that cannot be read."""


class Refused(C2Error):
    """The server says no: a status as of HTTP, its name of the reason, a sentence, and the field at fault."""

    def __init__(self, status: int, name: str, message: str, field: str | None = None) -> None:
        super().__init__(f"{status} {name}: {message}")
        self.status, self.name, self.message, self.field = status, name, message, field


class Unreachable(C2Error):
    """The server does not answer; of a change nobody knows whether it was made."""


class TooSlow(C2Error):
    """A subscription has ended because its rows were not read in time."""


class _Body(msgspec.Struct):
    """What REST, topics and the token endpoint say with a refusal, each its own part of it."""

    name: str = ""
    message: str = ""
    field: str | None = None
    error: str = ""
    error_description: str = ""


def refusal(status: int, body: bytes) -> Refused:
    """Return a refusal as its body says it, whatever the body is."""
    try:
        said = msgspec.json.decode(body, type=_Body)
    except msgspec.DecodeError:
        said = _Body()
    name, message = said.name or said.error, said.message or said.error_description
    return Refused(status, name or "refused", message or "no reason was given", said.field)


def unreachable(url: str, error: Exception) -> Unreachable:
    """Return what to say of a request that got no answer."""
    return Unreachable(f"{url}: {type(error).__name__}: {error}")
