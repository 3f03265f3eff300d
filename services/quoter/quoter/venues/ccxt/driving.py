"""A call of ccxt's as a script: what it waits for is the answer to a request, and what it raises has two meanings.

ccxt's calls are coroutines that wait for one thing alone, the answer to an HTTP request. Here that wait yields a
`Request` of `venues/conversation.py`, so that a call needs no event loop and a run can be repeated (docs/adr/0035).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol, TypeVar

from quoter.venues.conversation import Reply, Request, Script

DIGITS_MAX = 40
"""A number with a larger exponent is no price and no size."""
T = TypeVar("T")


class Refused(Exception):
    """The venue said no, and nothing was done."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Unclear(Exception):
    """Nobody can say what came of a request, or what the answer means."""


class Asking:
    """What a coroutine waits for: the request goes to whoever drives the coroutine, who sends the reply."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def __await__(self) -> Generator[Any, Any, Reply]:
        reply: Reply = yield self._request
        return reply


class Library(Protocol):
    """ccxt's object for a venue, made to ask instead of connecting (library.py)."""

    def meaning(self, error: Exception) -> Refused | Unclear:
        """Return what an error of a call says about its request."""
        ...


def driven(exchange: Library, call: Callable[[], Awaitable[T]]) -> Script[T]:
    """Run a call of ccxt's as a script; Refused and Unclear are all that it raises."""
    try:
        return (yield from call().__await__())
    except (Refused, Unclear):
        raise
    except Exception as error:
        raise exchange.meaning(error) from None


def decode(body: bytes) -> Any:
    """Return a JSON document with every number as its own digits; None for what is none."""
    try:
        return json.loads(body, parse_float=_digits, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _digits(text: str) -> str:
    """Return a number without an exponent, which ccxt's arithmetic does not take; as it is when it would be long."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return f"{number:f}" if abs(number.adjusted()) < DIGITS_MAX else text
