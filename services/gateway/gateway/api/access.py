"""Who may call a route: every route states the roles of which the caller needs one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from gateway.api.errors import ApiError
from gateway.auth.owner import OWNER_PREFIX, owner
from gateway.auth.roles import Role
from gateway.auth.users import Caller
from gateway.context import Context

TOKEN_CHARS_MAX = 200

_bearer = OAuth2PasswordBearer(tokenUrl="/oauth/token", auto_error=False)


def desk_of(request: Request) -> Context:
    """Return what the handlers of this application share."""
    context: Context = request.app.state.context
    return context


ContextOf = Annotated[Context, Depends(desk_of)]


class Needs:
    """A dependency that lets callers pass who have one of the roles."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    async def __call__(
        self, context: ContextOf, request: Request, token: Annotated[str | None, Depends(_bearer)]
    ) -> Caller:
        token = token if token and len(token) <= TOKEN_CHARS_MAX else None
        caller = await self._caller(context, request, token) if token else None
        if caller is None:
            raise ApiError(
                401,
                "invalid_token",
                "authorization: needs 'Bearer' and a valid access token; get one at POST /oauth/token",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        if not context.rates.admits(caller.user_id, context.now_ns()):
            raise ApiError(429, "too_many_requests", "too many requests: wait a second", headers={"Retry-After": "1"})
        if not self.roles & caller.roles:
            wanted = " or ".join(sorted(self.roles))
            raise ApiError(403, "forbidden", f"{caller.user_id} lacks the role {wanted}")
        return caller

    async def _caller(self, context: Context, _request: Request, token: str) -> Caller | None:
        return await context.sessions.check(token)


class NeedsOrOwner(Needs):
    """The same, and the machine's owner with the token of his file, from this machine: neither Redis nor a password."""

    async def _caller(self, context: Context, request: Request, token: str) -> Caller | None:
        if token.startswith(OWNER_PREFIX):
            return owner(token, request.client.host if request.client else "", context.owner_token)
        return await context.sessions.check(token)


def demand_visible(caller: Caller, algo_id: str) -> None:
    """Refuse a bot that is not among those a caller may see."""
    if not caller.may_see(algo_id):
        raise ApiError(403, "forbidden", f"bot {algo_id} is not among those you may see")


Viewer = Annotated[Caller, Depends(Needs(Role.VIEWER))]
Trader = Annotated[Caller, Depends(Needs(Role.TRADER))]
TraderOrRisk = Annotated[Caller, Depends(Needs(Role.TRADER, Role.RISK))]
Stopper = Annotated[Caller, Depends(NeedsOrOwner(Role.TRADER, Role.RISK))]
RiskOfficer = Annotated[Caller, Depends(Needs(Role.RISK))]
"""Logged in as himself: the owner of the machine is no person who approves."""
Lifter = Annotated[Caller, Depends(NeedsOrOwner(Role.RISK))]
Admin = Annotated[Caller, Depends(Needs(Role.ADMIN))]
