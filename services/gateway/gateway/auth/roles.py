"""What a person may do: viewers look, traders steer bots, risk officers halt, lift and set limits, admins do all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """A set of permissions; a user may have several."""

    VIEWER = "viewer"
    TRADER = "trader"
    RISK = "risk"
    EXCHANGES = "exchanges"
    """Sees which exchange each level of a book is from."""
    ADMIN = "admin"


_INCLUDES = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.TRADER: frozenset({Role.VIEWER, Role.TRADER}),
    Role.RISK: frozenset({Role.VIEWER, Role.RISK}),
    Role.EXCHANGES: frozenset({Role.EXCHANGES}),
    Role.ADMIN: frozenset(Role),
}


def granted(names: Iterable[str]) -> frozenset[Role]:
    """Return every role that the named ones give; a name that is no role gives nothing."""
    roles: frozenset[Role] = frozenset()
    for name in names:
        if name in Role.__members__.values():
            roles |= _INCLUDES[Role(name)]
    return roles
