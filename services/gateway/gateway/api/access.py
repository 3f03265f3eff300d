"""Who may call a route: every route states the roles of which the caller needs one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from gateway.api.errors import ApiError
from gateway.auth.roles import Role
from gateway.auth.users import Caller
from gateway.desk import Desk

TOKEN_CHARS_MAX = 200

_bearer = OAuth2PasswordBearer(tokenUrl="/oauth/token", auto_error=False)


def desk_of(request: Request) -> Desk:
    """Return what the handlers of this application share."""
    desk: Desk = request.app.state.desk
    return desk


DeskOf = Annotated[Desk, Depends(desk_of)]


class Needs:
    """A dependency that lets callers pass who have one of the roles."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    async def __call__(self, desk: DeskOf, token: Annotated[str | None, Depends(_bearer)]) -> Caller:
        caller = await desk.sessions.check(token) if token and len(token) <= TOKEN_CHARS_MAX else None
        if caller is None:
            raise ApiError(
                401,
                "invalid_token",
                "authorization: needs 'Bearer' and a valid access token; get one at POST /oauth/token",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        if not desk.rates.admits(caller.user_id, desk.now_ns()):
            raise ApiError(429, "too_many_requests", "too many requests: wait a second", headers={"Retry-After": "1"})
        if not self.roles & caller.roles:
            wanted = " or ".join(sorted(self.roles))
            raise ApiError(403, "forbidden", f"{caller.user_id} lacks the role {wanted}")
        return caller


Viewer = Annotated[Caller, Depends(Needs(Role.VIEWER))]
Trader = Annotated[Caller, Depends(Needs(Role.TRADER))]
TraderOrRisk = Annotated[Caller, Depends(Needs(Role.TRADER, Role.RISK))]
RiskOfficer = Annotated[Caller, Depends(Needs(Role.RISK))]
Admin = Annotated[Caller, Depends(Needs(Role.ADMIN))]
