"""Users over REST: admins keep them, everybody may look at himself and change his own password."""

from __future__ import annotations

from typing import Annotated

import msgspec
from common.core import Receipt
from common.events import User
from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from gateway.api.access import Admin, ContextOf, Viewer
from gateway.api.errors import ApiError, answer, bad_field
from gateway.api.examples import example
from gateway.auth.passwords import PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN
from gateway.auth.roles import Role
from gateway.auth.users import USERS_MAX, StoredUser, check_user_id
from gateway.changes.configuration import check_algo_id
from gateway.context import Context
from gateway.kinds.parts import Json

OWN_PASSWORD = "own-password"  # noqa: S105 - where the guess was made, in place of an address

BOTS_NAMED_MAX = 1_000

router = APIRouter(prefix="/api", tags=["users"])


class UserChange(BaseModel):
    """A user as he should be, and the revision this was made from; without a password the old one stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Tess", "roles": ["trader"], "password": "a long pass phrase", "revision": 0}]
        },
    )

    name: str = Field(min_length=1, max_length=64)
    roles: list[Role] = Field(max_length=len(Role))
    bots: list[Annotated[str, AfterValidator(check_algo_id)]] = Field(
        default=[],
        max_length=BOTS_NAMED_MAX,
        description="the only bots the user may see in C2's topics, and change; empty for all",
    )
    disabled: bool = False
    password: SecretStr | None = Field(default=None, min_length=PASSWORD_CHARS_MIN, max_length=PASSWORD_CHARS_MAX)
    revision: int = Field(ge=0, description="the revision this change was made from; 0 for a new user")


class PasswordChange(BaseModel):
    """The password in use and the one to use from now on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"current": "the old one", "new": "a long pass phrase"}]}
    )

    current: SecretStr = Field(min_length=1, max_length=PASSWORD_CHARS_MAX)
    new: SecretStr = Field(min_length=PASSWORD_CHARS_MIN, max_length=PASSWORD_CHARS_MAX)


@router.get("/me", responses=example("me"))
async def get_me(caller: Viewer) -> Response:
    """Return who the token belongs to and their roles."""
    return answer({"id": caller.user_id, "name": caller.name, "roles": sorted(caller.roles)})


@router.put("/me/password", responses=example("user_changed"))
async def put_password(change: PasswordChange, context: ContextOf, caller: Viewer) -> Response:
    """Change your password; all your sessions end, this one too."""
    stored = context.view.users.get(caller.user_id)
    if stored is None:
        raise ApiError(404, "unknown_user", f"there is no user {caller.user_id} any more")
    # A guess here is a guess like any other.
    pause_s = await context.throttle.pause_s(caller.user_id, OWN_PASSWORD)
    if pause_s:
        text = f"too many wrong passwords; try again in {pause_s} s"
        raise ApiError(429, "too_many_requests", text, headers={"Retry-After": str(pause_s)})
    if not await context.passwords.matches(stored.user.password_hash, change.current.get_secret_value()):
        raise bad_field("current", "must be the password in use")
    await context.throttle.succeeded(caller.user_id, OWN_PASSWORD)
    user = msgspec.structs.replace(
        stored.user,
        password_hash=await context.passwords.hash(change.new.get_secret_value()),
        revision=stored.user.revision + 1,
        actor=caller.user_id,
        ts_ns=context.now_ns(),
    )
    return await _keep(context, user, stored, caller.user_id)


@router.get("/users", responses=example("users"))
async def get_users(context: ContextOf, _caller: Admin) -> Response:
    """List the users, never their passwords."""
    return answer({"users": [_document(user) for user in context.view.users.all()]})


@router.put("/users/{user_id}", responses=example("user_changed"))
async def put_user(user_id: str, change: UserChange, context: ContextOf, caller: Admin) -> Response:
    """Create or change a user; a new password or `disabled` ends their sessions at once."""
    try:
        check_user_id(user_id)
    except ValueError as error:
        raise bad_field("user_id", str(error)) from None
    stored = context.view.users.get(user_id)
    in_force = stored.user.revision if stored is not None else 0
    if change.revision != in_force:
        rule = f"must be {in_force}, the revision in force"
        raise ApiError(409, "conflict", f"user {user_id} is at revision {in_force}", [("revision", rule)])
    if stored is None and change.password is None:
        raise bad_field("password", "must be given for a new user")
    if stored is None and len(context.view.users.all()) >= USERS_MAX:
        raise ApiError(409, "too_many_users", f"at most {USERS_MAX} users")
    others = [admin for admin in context.view.users.admins() if admin.id != user_id]
    if not others and (change.disabled or Role.ADMIN not in change.roles):
        raise bad_field("roles", "the last admin must stay one and enabled")
    if change.password is not None:
        password_hash = await context.passwords.hash(change.password.get_secret_value())
    else:
        password_hash = stored.user.password_hash if stored is not None else ""
    user = User(
        id=user_id,
        name=change.name,
        password_hash=password_hash,
        roles=sorted(set(change.roles)),
        bots=list(dict.fromkeys(change.bots)),
        disabled=change.disabled,
        revision=in_force + 1,
        actor=caller.user_id,
        ts_ns=context.now_ns(),
    )
    return await _keep(context, user, stored, caller.user_id)


async def _keep(context: Context, user: User, stored: StoredUser | None, actor: str) -> Response:
    detail = {"roles": list(user.roles), "bots": list(user.bots), "disabled": user.disabled, "revision": user.revision}
    command_id = await context.audit(actor, "user", user.id, detail)
    sequence = await context.publish(user, expected_last_sequence=stored.sequence if stored is not None else 0)
    context.view.on_user(user, Receipt(context.now_ns(), sequence=sequence))
    return answer({"command_id": command_id, "outcome": "done", "user": _document(user)})


def _document(user: User) -> Json:
    return {
        "id": user.id,
        "name": user.name,
        "roles": list(user.roles),
        "bots": list(user.bots),
        "disabled": user.disabled,
        "revision": user.revision,
    }
