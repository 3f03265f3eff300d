"""Bodies of C2's REST paths: what was sent, taken as it is, and what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from c2wire.configs import CONFIGS
from c2wire.enums import ConfigType
from c2wire.wire import Dto, jsonable
from common.bots.spot import ALGO_KEY
from common.errors import PublishRefused
from common.events import BotConfig
from fastapi import Header, Response

from gateway.api.access import demand_visible
from gateway.api.errors import ApiError, bad_field
from gateway.auth.roles import Role
from gateway.auth.users import Caller
from gateway.c2.configs import EARLIER_NAMES, OF_C2
from gateway.c2.content import Content, Visibility
from gateway.changes.configuration import check_algo_id
from gateway.changes.repeats import KEY_CHARS_MAX, AnotherBody, Made, OutcomeUnknown, Repeat
from gateway.context import Context

IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="the revision this change was made from; without it any")
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_CHARS_MAX,
        description="of a creation: sent again within 24 h it creates nothing more and is answered as it was",
    ),
]
_IDS = ("algo_key", "algo_id", "currency_id")


def answer(document: Any, revision: int | None = None) -> Response:
    """Return DTOs as JSON, always with 200: programs take all else for a failure."""
    headers = {} if revision is None else {"ETag": f'"{revision}"'}
    return Response(msgspec.json.encode(document), 200, headers, "application/json")


def rows(dtos: Sequence[Dto]) -> Response:
    """Return an array of DTOs."""
    return answer([jsonable(each) for each in dtos])


async def created_once(
    context: Context,
    caller: Caller,
    path: str,
    key: str | None,
    body: Mapping[str, Any],
    create: Callable[[], Awaitable[Response]],
) -> Response:
    """Return the answer to a creation, that of the first one where the caller has sent it under the same key.

    ApiError 409 where the key stands for another body, or for a creation whose outcome is not known.
    """
    if key is None:
        return await create()
    repeat = Repeat(context.sessions.store, caller.user_id, path, key, body)
    try:
        answered = await repeat.begin()
    except AnotherBody:
        rule = "must be a new one: it was used for another body"
        raise ApiError(409, "conflict", f"Idempotency-Key: {rule}", [("Idempotency-Key", rule)]) from None
    except OutcomeUnknown:
        rule = "is of a creation that is under way or whose outcome is unknown: read back what there is"
        raise ApiError(409, "conflict", f"Idempotency-Key: {rule}", [("Idempotency-Key", rule)]) from None
    if answered is not None:
        return Response(answered.body, 200, {"ETag": answered.revision}, "application/json")
    try:
        response = await create()
    except (ApiError, PublishRefused):
        await repeat.refused()
        raise
    await repeat.made(Made(bytes(response.body).decode(), response.headers["ETag"]))
    return response


def fields_of(kind: ConfigType, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a configuration as they were sent, empty text as null, ids apart.

    ApiError 422 names a field that the configuration does not have, or an algorithm that there is none of.
    """
    known = {*CONFIGS[kind].__struct_fields__, *EARLIER_NAMES.values()}
    unknown = [name for name in body if name not in known]
    if unknown:
        raise bad_field(unknown[0][:100], f"is no field of {kind.value}")
    if body.get("algo_key") not in (None, "", ALGO_KEY):
        raise bad_field("algo_key", f"must be {ALGO_KEY}, is {str(body['algo_key'])[:50]!r}")
    return {name: None if value == "" else value for name, value in body.items() if name not in _IDS}


def id_of(body: Mapping[str, Any], name: str) -> str | None:
    """Return the id that a body names; None for a new one. ApiError 422 names the rule."""
    value = body.get(name)
    if value is None or value == "":
        return None
    try:
        return check_algo_id(str(value))
    except ValueError as error:
        raise bad_field(name, str(error)) from None


def switch_of(fields: Mapping[str, Any], stored: bool) -> bool:
    """Return whether something runs from now on: as it was sent, else as it is."""
    sent = fields.get("running")
    if sent is None:
        return stored
    if not isinstance(sent, bool):
        raise bad_field("running", f"must be true or false, is {str(sent)[:50]!r}")
    return sent


def revision_of(if_match: str | None, in_force: int) -> int:
    """Return the revision that a change was made from; ApiError 422 where the header names none."""
    if if_match is None:
        return in_force
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdecimal() or len(text) > len(str(10**9)):
        raise bad_field("If-Match", f"must be a revision, is {if_match[:50]!r}")
    return int(text)


def visibility_of(caller: Caller) -> Visibility:
    """Return what a caller may see."""
    return Visibility(Role.EXCHANGES in caller.roles, frozenset(caller.bots) or None)


def spot_bot(context: Context, caller: Caller, algo_id: str) -> BotConfig:
    """Return a bot that C2 knows; ApiError 404 for none, and for one of another kind, 403 for one not the caller's."""
    try:
        check_algo_id(algo_id)
    except ValueError as error:
        raise bad_field("algo_id", str(error)) from None
    demand_visible(caller, algo_id)
    stored = context.view.bots.get(algo_id)
    if stored is None or stored.event.removed:
        raise ApiError(404, "unknown_bot", f"there is no bot {algo_id}", [("algo_id", "must name a bot")])
    if stored.event.kind != OF_C2:
        text = f"bot {algo_id} is of kind {stored.event.kind}: see /api/bots/{algo_id}"
        raise ApiError(404, "unknown_bot", text, [("algo_id", f"must name a bot of kind {OF_C2}")])
    return stored.event


def content_of(context: Context) -> Content:
    """Return what makes DTOs of the picture."""
    return Content(context.view)
