"""Tokens: a login by password, kept good for as long as it is used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx
import msgspec

from c2client.errors import C2Error, Refused, refusal, unreachable

REFRESH_BEFORE_S = 30.0
"""A token is renewed so long before it expires, or in the last quarter of a shorter life."""
LAST_PART = 0.25


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, and through which program; the secrets are never shown."""

    username: str
    password: str = field(repr=False)
    client_id: str = "api"
    client_secret: str = field(default="", repr=False)


class _Grant(msgspec.Struct):
    access_token: str
    refresh_token: str
    expires_in: float

    def __repr__(self) -> str:
        return f"_Grant(expires_in={self.expires_in})"


class Tokens:
    """The tokens of one login."""

    def __init__(self, http: httpx.AsyncClient, login: Login, now_s: Callable[[], float] = time.monotonic) -> None:
        self._http, self._login, self._now_s = http, login, now_s
        self._grant: _Grant | None = None
        self._renew_at_s = 0.0
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Tokens({self._login!r})"

    async def access(self, refused: str = "") -> str:
        """Return an access token that is good, another one than the one that was refused.

        Refused where the login is; Unreachable.
        """
        # One at a time: all others use what the first one gets.
        async with self._turn:
            grant = self._grant
            if grant is None or grant.access_token == refused or self._now_s() >= self._renew_at_s:
                grant = self._grant = await self._renewed(grant)
                margin_s = min(REFRESH_BEFORE_S, grant.expires_in * LAST_PART)
                self._renew_at_s = self._now_s() + grant.expires_in - margin_s
            return grant.access_token

    async def logout(self) -> None:
        """End the login on the server, with its websockets; a login that has ended is as good as ended."""
        async with self._turn:
            grant, self._grant = self._grant, None
        if grant is not None:
            try:
                await self._http.post("/oauth/revoke", data={"token": grant.refresh_token}, auth=self._client)
            except httpx.TransportError as error:
                raise unreachable("/oauth/revoke", error) from None

    @property
    def _client(self) -> httpx.Auth:
        """Return how the program names itself, nothing for one without a secret: it is taken for the page."""
        login = self._login
        return httpx.BasicAuth(login.client_id, login.client_secret) if login.client_secret else httpx.Auth()

    async def _renewed(self, grant: _Grant | None) -> _Grant:
        if grant is not None:
            try:
                return await self._asked({"grant_type": "refresh_token", "refresh_token": grant.refresh_token})
            except Refused as error:
                # The login has ended, by its age or by somebody: only the password is left.
                if error.status != HTTPStatus.BAD_REQUEST:
                    raise
        login = self._login
        form = {"grant_type": "password", "username": login.username, "password": login.password, "scope": "public"}
        return await self._asked(form)

    async def _asked(self, form: dict[str, str]) -> _Grant:
        try:
            answer = await self._http.post("/oauth/token", data=form, auth=self._client)
        except httpx.TransportError as error:
            raise unreachable("/oauth/token", error) from None
        if not answer.is_success:
            raise refusal(answer.status_code, answer.content)
        try:
            return msgspec.json.decode(answer.content, type=_Grant)
        except msgspec.DecodeError as error:
            raise C2Error(f"/oauth/token: {error}") from None
