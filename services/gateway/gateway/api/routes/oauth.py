"""Tokens: a password or a refresh token in, a pair of tokens out, as RFC 6749 and 7009 have it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from common.clock import NS_PER_S
from fastapi import APIRouter, Request, Response

from gateway.api.access import TOKEN_CHARS_MAX, ContextOf
from gateway.api.errors import answer
from gateway.auth.clients import OAuthClient, UnknownClient
from gateway.auth.passwords import PASSWORD_CHARS_MAX
from gateway.auth.roles import Role
from gateway.auth.sessions import Grant, InvalidGrant
from gateway.auth.throttle import LOGINS_PER_USER_MAX, WINDOW_S
from gateway.context import Context

FORM_TYPE = "application/x-www-form-urlencoded"
FORM_FIELDS_MAX = 20
USERNAME_CHARS_MAX = 64
SCOPE = "public"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

router = APIRouter(tags=["tokens"])


class TokenRefusal(Exception):
    """A refusal of the token endpoint, in the words of RFC 6749."""

    def __init__(self, status: int, error: str, description: str, retry_after_s: int = 0) -> None:
        self.status, self.error, self.description = status, error, description
        self.retry_after_s = retry_after_s
        super().__init__(description)


def _form_of(fields: dict[str, str], required: list[str], example: dict[str, str]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": required,
        "properties": {name: {"type": "string", "description": text} for name, text in fields.items()},
    }
    return {"requestBody": {"required": True, "content": {FORM_TYPE: {"schema": schema, "example": example}}}}


_TOKEN_FORM = _form_of(
    {
        "grant_type": "password or refresh_token",
        "username": "for the password grant",
        "password": "for the password grant",
        "refresh_token": "for the refresh grant; good once",
        "scope": "optional; 'public'",
    },
    ["grant_type"],
    {"grant_type": "password", "username": "admin", "password": "the password of that user"},
)
_REVOKE_FORM = _form_of(
    {"token": "either token of the session to end", "token_type_hint": "optional, not needed"},
    ["token"],
    {"token": "0e5d4f0e-4bd6-4a0b-9b52-0a8f9d5cf0f5"},
)
AUTHORITIES: dict[Role, tuple[str, ...]] = {
    Role.VIEWER: ("MM_READ",),
    Role.TRADER: ("MM_WRITE",),
    Role.RISK: ("MM_WRITE",),
    Role.EXCHANGES: ("EXCHANGE_VISIBLE",),
    Role.ADMIN: ("MM_ADMIN",),
}
"""The names that clients of C2 know for what our roles allow."""
_CHECKED_EXAMPLE = {
    "user_name": "tess",
    "scope": [SCOPE],
    "exp": 1_795_223_105,
    "authorities": ["MM_READ", "MM_WRITE"],
    "client_id": "api",
    "active": True,
}
_GRANT_EXAMPLE = {
    "access_token": "7ff7a2c6-3f57-4cc2-a1b5-3a2d9b5ac9b1",
    "token_type": "bearer",
    "refresh_token": "0e5d4f0e-4bd6-4a0b-9b52-0a8f9d5cf0f5",
    "expires_in": 300,
    "scope": SCOPE,
}


@router.post(
    "/oauth/token",
    openapi_extra=_TOKEN_FORM,
    responses={200: {"content": {"application/json": {"example": _GRANT_EXAMPLE}}}},
)
async def post_token(request: Request, context: ContextOf) -> Response:
    """Log in with a password, or renew a login with its refresh token.

    The access token lives 300 s, the session 86,400 s from the login; a refresh does not extend it. A program that
    names itself by HTTP Basic, with the secret that the first start has made, may send its refresh token again. Of
    others a refresh token is good once, and one that is shown twice ends the session.
    """
    try:
        form = await _form(request)
        grant = await _grant(form, _client(request, form, context), _address(request), context)
    except TokenRefusal as refusal:
        return _refused(refusal)
    return answer(
        {
            "access_token": grant.access_token,
            "token_type": "bearer",
            "refresh_token": grant.refresh_token,
            "expires_in": grant.expires_in_s,
            "scope": SCOPE,
        },
        headers=NO_STORE,
    )


@router.post("/oauth/revoke", openapi_extra=_REVOKE_FORM)
async def post_revoke(request: Request, context: ContextOf) -> Response:
    """End the session of a token, at once and in every replica; an unknown token is as good as revoked."""
    try:
        form = await _form(request)
        _client(request, form, context)
        token = _field(form, "token", TOKEN_CHARS_MAX)
    except TokenRefusal as refusal:
        return _refused(refusal)
    await context.sessions.revoke(token)
    return answer({}, headers=NO_STORE)


@router.post(
    "/oauth/check_token",
    openapi_extra=_REVOKE_FORM,
    responses={200: {"content": {"application/json": {"example": _CHECKED_EXAMPLE}}}},
)
async def post_check_token(request: Request, context: ContextOf) -> Response:
    """Say whose an access token is, what he may do, and until when it is good, in s since 1970."""
    try:
        form = await _form(request)
        _client(request, form, context)
        standing = await context.sessions.standing(_field(form, "token", TOKEN_CHARS_MAX))
        if standing is None:
            raise TokenRefusal(400, "invalid_token", "token: is unknown or has expired")
    except TokenRefusal as refusal:
        return _refused(refusal)
    caller = standing.caller
    document = {
        "user_name": caller.user_id,
        "scope": [SCOPE],
        "exp": caller.token_expires_ns // NS_PER_S,
        "authorities": sorted({name for role in caller.roles for name in AUTHORITIES[role]}),
        "client_id": standing.client,
        "active": True,
    }
    return answer(document, headers=NO_STORE)


@router.delete("/oauth/token", responses={200: {"content": {"application/json": {"example": {}}}}})
async def delete_token(request: Request, context: ContextOf) -> Response:
    """Log out: the session of the token in `Authorization` ends, with its refresh tokens and its websockets."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 1 <= len(token) <= TOKEN_CHARS_MAX:
        return _refused(TokenRefusal(401, "invalid_token", "authorization: needs 'Bearer' and an access token"))
    await context.sessions.revoke(token.strip())
    return answer({}, headers=NO_STORE)


async def _grant(form: dict[str, str], client: OAuthClient, address: str, context: Context) -> Grant:
    kind = form.get("grant_type")
    if kind is None:
        raise TokenRefusal(400, "invalid_request", "grant_type: must be given")
    if form.get("scope", SCOPE) not in ("", SCOPE):
        raise TokenRefusal(400, "invalid_scope", f"scope: must be {SCOPE}")
    if kind == "refresh_token":
        try:
            return await context.sessions.refresh(_field(form, "refresh_token", TOKEN_CHARS_MAX), client)
        except InvalidGrant as error:
            raise TokenRefusal(400, "invalid_grant", str(error)) from None
    if kind == "password":
        name = _field(form, "username", USERNAME_CHARS_MAX).lower()
        return await _login(name, _field(form, "password", PASSWORD_CHARS_MAX), client, address, context)
    raise TokenRefusal(400, "unsupported_grant_type", "grant_type: must be password or refresh_token")


async def _login(user_id: str, password: str, client: OAuthClient, address: str, context: Context) -> Grant:
    pause_s = await context.throttle.pause_s(user_id, address)
    if pause_s:
        context.view.logins["throttled"] += 1
        raise TokenRefusal(429, "slow_down", f"too many wrong passwords; try again in {pause_s} s", pause_s)
    stored = context.view.users.get(user_id)
    password_hash = stored.user.password_hash if stored is not None and not stored.user.disabled else ""
    # A name that does not exist costs as much time as a wrong password, and is refused in the same words.
    if not await context.passwords.matches(password_hash, password) or stored is None:
        context.view.logins["refused"] += 1
        raise TokenRefusal(400, "invalid_grant", "username or password is wrong")
    if not await context.throttle.succeeded(user_id, address):
        context.view.logins["throttled"] += 1
        text = f"more than {LOGINS_PER_USER_MAX} logins in {WINDOW_S} s; use the tokens of an earlier one"
        raise TokenRefusal(429, "slow_down", text, WINDOW_S)
    context.view.logins["done"] += 1
    return await context.sessions.open(stored.user, client)


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form; RFC 6749 allows none of them twice."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM_TYPE:
        raise TokenRefusal(400, "invalid_request", f"content-type: must be {FORM_TYPE}")
    try:
        text = (await request.body()).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict")
    except ValueError:
        raise TokenRefusal(400, "invalid_request", "body: must be a form in UTF-8 with few fields") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRefusal(400, "invalid_request", "body: each field may be given once")
    return form


def _field(form: dict[str, str], name: str, chars_max: int) -> str:
    value = form.get(name, "")
    if not 1 <= len(value) <= chars_max:
        raise TokenRefusal(400, "invalid_request", f"{name}: must have 1 to {chars_max} characters")
    return value


def _client(request: Request, form: dict[str, str], context: Context) -> OAuthClient:
    try:
        return context.clients.identify(request.headers.get("authorization", ""), form)
    except UnknownClient as error:
        raise TokenRefusal(401, "invalid_client", str(error)) from None


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _refused(refusal: TokenRefusal) -> Response:
    headers = dict(NO_STORE)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="gateway"'
    if refusal.retry_after_s:
        headers["Retry-After"] = str(refusal.retry_after_s)
    return answer({"error": refusal.error, "error_description": refusal.description}, refusal.status, headers)
