"""Logins: a short access token for every request, a long refresh token.

A session begins with a password and ends a day later or at a revocation. Of the page's logins a refresh token is good
exactly once: of two who show it one has stolen it, and nobody can tell which, so that the session ends. Programs of C2
may send theirs again. Only hashes of tokens are stored.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import NamedTuple

import msgspec
from common.clock import NS_PER_S, Clock
from common.events import User

from gateway.auth.clients import PAGE, OAuthClient
from gateway.auth.store import TokenStore
from gateway.auth.users import Caller, Users, credential_of

ACCESS_LIFE_S = 300
REFRESH_LIFE_S = 86_400
"""Counted from the login: a refresh does not extend it."""
SESSIONS_PER_USER_MAX = 100
"""The oldest login of a user ends when he logs in once more than this."""
ROTATIONS_MAX = 2_000
"""Refreshes in one session; one every access life makes 288 a day."""


class InvalidGrant(Exception):
    """A refresh token that is not, or no longer, good."""


class Grant(msgspec.Struct, frozen=True):
    """What a client gets: both tokens in the clear, for the only time."""

    access_token: str
    refresh_token: str
    expires_in_s: int


class Standing(NamedTuple):
    """Somebody whose access token was good, and the login that it belongs to."""

    caller: Caller
    session_id: str
    client: str


class _Session(msgspec.Struct):
    """A login as it is stored."""

    user_id: str
    credential: str
    expires_ns: int
    rotations: int = 0
    rotates: bool = True
    """Its refresh tokens are good once."""
    client: str = "page"


class _Token(msgspec.Struct):
    """What the hash of a token leads to."""

    session_id: str
    expires_ns: int


class Sessions:
    """Open, refresh, check and revoke logins."""

    def __init__(self, store: TokenStore, clock: Clock, users: Users) -> None:
        self.store, self._clock, self._users = store, clock, users

    async def open(self, user: User, client: OAuthClient = PAGE) -> Grant:
        """Begin a session for somebody whose password was right, through one program."""
        session_id = uuid.uuid4().hex
        session = _Session(
            user_id=user.id,
            credential=credential_of(user),
            expires_ns=self._clock.now_ns() + REFRESH_LIFE_S * NS_PER_S,
            rotates=client.rotates,
            client=client.id,
        )
        grant = await self._issue(session_id, session)
        fallen = await self.store.push(
            f"sessions:{user.id}", session_id.encode(), SESSIONS_PER_USER_MAX, REFRESH_LIFE_S
        )
        for old in fallen:
            await self._end(old.decode())
        return grant

    async def refresh(self, refresh_token: str, client: OAuthClient = PAGE) -> Grant:
        """Return a new access token for a refresh token of the same client; InvalidGrant where it is not good.

        The page's comes with a new refresh token, and only one that was never shown before is good.
        """
        key = _key("refresh", refresh_token)
        token = await self._token(key)
        session = await self._session(token.session_id) if token else None
        if token is None or session is None:
            raise InvalidGrant("the refresh token is unknown or has expired")
        if session.client != client.id:
            raise InvalidGrant("the refresh token is another client's")
        left_s = self._left_s(session)
        if session.rotates and not await self.store.claim(f"shown:{key}", left_s):
            await self._end(token.session_id)
            raise InvalidGrant("the refresh token was used before: this login has ended on all devices")
        caller = self._users.caller(session.user_id, session.credential, session.expires_ns)
        if caller is None or session.rotations >= ROTATIONS_MAX:
            await self._end(token.session_id)
            raise InvalidGrant("this login has ended")
        session.rotations += 1
        return await self._issue(token.session_id, session, "" if session.rotates else refresh_token)

    async def check(self, access_token: str) -> Caller | None:
        """Return who shows this access token, or None when it is not, or no longer, good."""
        standing = await self.standing(access_token)
        return None if standing is None else standing.caller

    async def standing(self, access_token: str) -> Standing | None:
        """Return who shows this access token with the login it is of, None when it is not, or no longer, good."""
        token = await self._token(_key("access", access_token))
        session = await self._session(token.session_id) if token else None
        if token is None or session is None:
            return None
        caller = self._users.caller(session.user_id, session.credential, token.expires_ns)
        return None if caller is None else Standing(caller, token.session_id, session.client)

    async def still(self, standing: Standing) -> Caller | None:
        """Return who holds a login as he is now, None when it has ended; its access token may have expired."""
        session = await self._session(standing.session_id)
        if session is None:
            return None
        return self._users.caller(session.user_id, session.credential, standing.caller.token_expires_ns)

    async def revoke(self, token: str) -> None:
        """End the session of either token; one that is unknown is as good as revoked."""
        for kind in ("access", "refresh"):
            found = await self._token(_key(kind, token))
            if found is not None:
                await self._end(found.session_id)

    async def _issue(self, session_id: str, session: _Session, refresh: str = "") -> Grant:
        """Return a new access token with the refresh token, a new one where none is given."""
        now_ns = self._clock.now_ns()
        access, refresh = str(uuid.uuid4()), refresh or str(uuid.uuid4())
        left_s = self._left_s(session)
        access_life_s = min(ACCESS_LIFE_S, left_s)
        await self.store.put(
            {
                f"session:{session_id}": msgspec.json.encode(session),
                _key("refresh", refresh): msgspec.json.encode(_Token(session_id, session.expires_ns)),
            },
            left_s,
        )
        token = _Token(session_id, now_ns + access_life_s * NS_PER_S)
        await self.store.put({_key("access", access): msgspec.json.encode(token)}, access_life_s)
        return Grant(access, refresh, access_life_s)

    async def _end(self, session_id: str) -> None:
        # A mark and not a deletion: a refresh under way at another replica would write the session back.
        await self.store.put({f"ended:{session_id}": b"1"}, REFRESH_LIFE_S)

    async def _session(self, session_id: str) -> _Session | None:
        stored, ended = await self.store.get(f"session:{session_id}", f"ended:{session_id}")
        session = msgspec.json.decode(stored, type=_Session) if stored and not ended else None
        return session if session and session.expires_ns > self._clock.now_ns() else None

    async def _token(self, key: str) -> _Token | None:
        (stored,) = await self.store.get(key)
        token = msgspec.json.decode(stored, type=_Token) if stored else None
        return token if token and token.expires_ns > self._clock.now_ns() else None

    def _left_s(self, session: _Session) -> int:
        return max(1, (session.expires_ns - self._clock.now_ns()) // NS_PER_S)


def _key(kind: str, token: str) -> str:
    # The tokens are random, so a plain hash cannot be reversed by guessing.
    return f"{kind}:{hashlib.sha256(token.encode()).hexdigest()}"
