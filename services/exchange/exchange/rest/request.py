"""A REST request as the venue reads it, and what a path of the venue is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from exchange.core import Core
from exchange.entry import parse
from exchange.entry.keys import Grant
from exchange.market.accounts import Account
from exchange.market.refusals import Refusal
from exchange.market.tape import Json

PAGE_ITEMS_MAX: Final = 1_000
PAGE_ITEMS_DEFAULT: Final = 100
SEQUENCE_MAX: Final = 2**62


@dataclass(frozen=True, slots=True)
class Call:
    """One REST request, read and checked as far as its path is concerned."""

    venue: Core
    grant: Grant | None
    path: dict[str, str]
    query: dict[str, str]
    data: bytes
    now_ns: int

    @property
    def granted(self) -> Grant:
        assert self.grant is not None
        return self.grant

    @property
    def account(self) -> Account:
        return self.venue.order_entry.account(self.granted)

    def body(self) -> Json:
        return parse.json_object(self.data)

    def allow(self, *names: str) -> None:
        """Refuse query parameters the path does not know."""
        for name in self.query:
            if name not in names:
                raise Refusal("invalid_field", f"{name[:64]} is not a known parameter", name[:64])

    def page(self) -> tuple[int, int]:
        after = parse.query_integer(self.query, "after", 0, SEQUENCE_MAX, 0)
        return after, parse.query_integer(self.query, "limit", 1, PAGE_ITEMS_MAX, PAGE_ITEMS_DEFAULT)


Reply = tuple[int, Json]


@dataclass(frozen=True, slots=True)
class Route:
    """A path the venue answers, the scopes one of which it needs, and what it says in the API listing."""

    method: str
    path: str
    answer: Callable[[Call], Reply]
    scopes: tuple[str, ...]
    summary: str
    budget: str | None = None

    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]{1,64})", self.path) + r"\Z")


def bearer(headers: dict[str, Any]) -> str:
    """The token of an Authorization header."""
    kind, _, token = str(headers.get("authorization", "")).partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Refusal("not_logged_in", "needs the header Authorization: Bearer <token>")
    return token.strip()
