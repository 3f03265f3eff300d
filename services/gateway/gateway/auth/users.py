"""The people and programs that may use the gateway, as the USER stream tells."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from common.events import User

from gateway.auth.roles import Role, granted

USERS_MAX = 1_000
ID_RULE = "must be 1 to 32 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


class StoredUser(NamedTuple):
    """A user and where the stream holds it: the next change must name this sequence."""

    user: User
    sequence: int


class Caller(NamedTuple):
    """Somebody whose token is good, with what he may do now."""

    user_id: str
    name: str
    roles: frozenset[Role]
    token_expires_ns: int
    bots: tuple[str, ...] = ()
    """The only bots that he may see; none named is all."""

    def may_see(self, algo_id: str) -> bool:
        return not self.bots or algo_id in self.bots


def check_user_id(user_id: str) -> str:
    """Return the id as it is; ValueError names the rule."""
    if not _ID.fullmatch(user_id):
        raise ValueError(ID_RULE)
    return user_id


def credential_of(user: User) -> str:
    """Return a fingerprint of the user's password hash: a session of an older password is over."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


class Users:
    """The latest word on each user."""

    def __init__(self) -> None:
        self._users: dict[str, StoredUser] = {}

    def apply(self, user: User, sequence: int) -> None:
        """Take a user's next state; one older than the state already known changes nothing."""
        known = self._users.get(user.id)
        if known is None and len(self._users) >= USERS_MAX:
            return
        if known is None or sequence >= known.sequence:
            self._users[user.id] = StoredUser(user, sequence)

    def get(self, user_id: str) -> StoredUser | None:
        return self._users.get(user_id)

    def all(self) -> list[User]:
        """Return every user by id."""
        return [self._users[user_id].user for user_id in sorted(self._users)]

    def caller(self, user_id: str, credential: str, token_expires_ns: int) -> Caller | None:
        """Return who holds a session made with this credential, or None when it is no longer good."""
        stored = self._users.get(user_id)
        if stored is None or stored.user.disabled or credential_of(stored.user) != credential:
            return None
        return Caller(user_id, stored.user.name, granted(stored.user.roles), token_expires_ns, tuple(stored.user.bots))

    def admins(self) -> list[User]:
        """Return the users who can manage users."""
        return [user for user in self.all() if Role.ADMIN in granted(user.roles) and not user.disabled]
