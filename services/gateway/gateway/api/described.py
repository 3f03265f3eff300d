"""The API's description as programs read it: refusals are those that are answered, C2's objects have schemas."""

from __future__ import annotations

from collections.abc import Sequence

from c2wire.schemas import reference
from fastapi import FastAPI
from fastapi.routing import APIRoute

from gateway.api.c2.schemas import answer_schemas
from gateway.kinds.parts import Json

OF_THE_FRAMEWORK = ("HTTPValidationError", "ValidationError")
"""Its own refusals, which are never answered here."""
REFUSAL = "Refusal"
OF_OAUTH = "OAuthError"
"""What RFC 6749 has a token's refusal say."""
_FIELD = {
    "type": "object",
    "properties": {"field": {"type": "string"}, "rule": {"type": "string"}},
    "required": ["field", "rule"],
}
_ERROR = {
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "fields": {"type": "array", "items": _FIELD},
    },
    "required": ["code", "message", "fields"],
}


class DescribedApi(FastAPI):
    """An application whose description says what is answered."""

    described: Sequence[APIRoute] = ()
    """Its routes, whose examples the description has as they were written."""

    def openapi(self) -> Json:
        """Return the OpenAPI document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            for route in self.described:
                if route.include_in_schema:
                    _restore_nulls(route, document["paths"][route.path_format])
            self.openapi_schema = _completed(document)
        return self.openapi_schema


def _restore_nulls(route: APIRoute, methods: Json) -> None:
    """Give the examples of a route as they were written: the framework leaves out what is null in them."""
    for method in route.methods or ():
        for status, response in route.responses.items():
            for media_type, media in response.get("content", {}).items():
                methods[method.lower()]["responses"][str(status)]["content"][media_type] |= media


def _completed(document: Json) -> Json:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in OF_THE_FRAMEWORK:
        schemas.pop(name, None)
    schemas[OF_OAUTH] = {
        "type": "object",
        "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
        "required": ["error"],
    }
    schemas[REFUSAL] = {"type": "object", "properties": {"error": _ERROR}, "required": ["error"]}
    schemas |= answer_schemas()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _refusals(path, operation["responses"])
    return document


def _refusals(path: str, responses: Json) -> None:
    """Leave out the framework's own refusal, and say what else a path may answer."""
    responses.pop("422", None)
    of_path = OF_OAUTH if path.startswith("/oauth/") else REFUSAL
    for status, described, name in (("4XX", "Refused", of_path), ("5XX", "Cannot be done now", REFUSAL)):
        content = responses.setdefault(status, {"description": described}).setdefault("content", {})
        content.setdefault("application/json", {}).setdefault("schema", reference(name))
