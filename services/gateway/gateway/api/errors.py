"""Refusals as clients see them: one shape, with the field and the rule it breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from common.errors import BusUnavailable, ConfigError, PublishRefused
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gateway.auth.store import TokensUnavailable
from gateway.changes.configuration import RevisionConflict

WRONG_LAST_SEQUENCE = 10071
"""JetStream: the expected last sequence is not the last."""
OWN_RULE = "Value error, "
"""What pydantic puts before the text of a rule of ours."""
FIELDS_MAX = 50
C2_PREFIX = "/api/v0/"
"""Under it refusals have the shape that clients of C2 know."""


class ApiError(Exception):
    """A request is refused: status, a code for programs, a sentence for people, and the fields at fault."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.code, self.message, self.fields = status, code, message, tuple(fields)
        self.headers = dict(headers or {})
        super().__init__(message)


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer; decimals are text, so that no client rounds money."""
    return Response(msgspec.json.encode(document), status, dict(headers or {}), "application/json")


def error_body(code: str, message: str, fields: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Return the one shape of every refusal."""
    named = [{"field": field, "rule": rule} for field, rule in fields[:FIELDS_MAX]]
    return {"error": {"code": code, "message": message, "fields": named}}


def refusal(error: ApiError, path: str = "") -> Response:
    """Return a refusal in the shape of the API that a path is of."""
    if path.startswith(C2_PREFIX):
        # Programs written against C2 know one field, and no list.
        field = error.fields[0][0] if error.fields else None
        rules = "; ".join(f"{name}: {rule}" for name, rule in error.fields[:FIELDS_MAX])
        body = {"name": error.code, "message": rules or error.message, "field": _last_part(field)}
        return answer(body, error.status, error.headers)
    return answer(error_body(error.code, error.message, error.fields), error.status, error.headers)


def _last_part(field: str | None) -> str | None:
    """Return a field's own name: 'min_spread' of 'sections.pricer.min_spread'."""
    return None if field is None else field.rpartition(".")[2]


def config_refusal(error: ConfigError) -> ApiError:
    """Return a refusal that names each field of a configuration and the rule it breaks."""
    fields = []
    for fault in error.faults:
        field, _, rule = fault.partition(": ")
        fields.append((field, rule))
    return ApiError(422, "invalid", f"{len(fields)} field(s) break a rule", fields)


def revision_conflict(conflict: RevisionConflict) -> ApiError:
    """Return the refusal of a change that was made from another revision than the one in force."""
    rule = f"must be {conflict.revision}, the revision in force"
    return ApiError(409, "conflict", str(conflict), [("revision", rule)])


def bad_field(field: str, rule: str) -> ApiError:
    return ApiError(422, "invalid", f"{field}: {rule}", [(field, rule)])


def install(app: FastAPI) -> None:
    """Give every refusal of an application the one shape."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> Response:
        return refusal(error, request.url.path)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        # What was sent is not repeated: it may hold a password.
        fields = [(_field(fault["loc"]), str(fault["msg"]).removeprefix(OWN_RULE)) for fault in error.errors()]
        return refusal(ApiError(422, "invalid", f"{len(fields)} field(s) break a rule", fields), request.url.path)

    @app.exception_handler(HTTPException)
    async def no_such_thing(request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        refused = ApiError(error.status_code, code, str(error.detail), headers=error.headers)
        return refusal(refused, request.url.path)

    @app.exception_handler(TokensUnavailable)
    async def nobody_known(request: Request, _error: TokensUnavailable) -> Response:
        refused = ApiError(503, "tokens_unavailable", "the token store (Redis) does not answer; try again")
        return refusal(refused, request.url.path)

    @app.exception_handler(BusUnavailable)
    async def bus_away(request: Request, _error: BusUnavailable) -> Response:
        message = "the bus does not answer; whether the change was made is unknown: read it back, then try again"
        return refusal(ApiError(503, "bus_unavailable", message), request.url.path)

    @app.exception_handler(PublishRefused)
    async def bus_refused(request: Request, error: PublishRefused) -> Response:
        if error.code == WRONG_LAST_SEQUENCE:
            refused = ApiError(409, "conflict", "somebody else changed it at the same time: read it and try again")
        else:
            refused = ApiError(503, "bus_refused", f"the bus refused the change: {error.description}")
        return refusal(refused, request.url.path)


def _field(location: Sequence[int | str]) -> str:
    """Return the path of a field: body.sections.quoting.spread is 'sections.quoting.spread'."""
    parts = [str(part) for part in location]
    if parts[:1] == ["body"] and len(parts) > 1 and not parts[1].isdigit():
        parts = parts[1:]
    return ".".join(parts[:1] if parts[:1] == ["body"] else parts)
