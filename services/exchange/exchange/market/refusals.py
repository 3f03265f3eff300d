"""Every way the venue says no: a code, a sentence with the rule, and the field at fault."""

from __future__ import annotations

from typing import Any, Final

HTTP_STATUS: Final = {
    "malformed": 400,
    "unknown_op": 400,
    "invalid_field": 422,
    "invalid_price": 422,
    "invalid_size": 422,
    "invalid_client_order_id": 422,
    "below_minimum": 422,
    "bad_credentials": 401,
    "not_logged_in": 401,
    "token_expired": 401,
    "scope_missing": 403,
    "unknown_path": 404,
    "unknown_market": 404,
    "unknown_symbol": 404,
    "unknown_order": 404,
    "unknown_transfer": 404,
    "method_not_allowed": 405,
    "market_not_open": 409,
    "duplicate_client_order_id": 409,
    "duplicate_client_transfer_id": 409,
    "order_finished": 409,
    "would_cross": 409,
    "insufficient_funds": 409,
    "insufficient_shares": 409,
    "too_many_open_orders": 409,
    "too_many_transfers": 409,
    "too_many_subscriptions": 409,
    "too_many_connections": 409,
    "deadman_expired": 409,
    "history_trimmed": 410,
    "too_large": 413,
    "rate_limited": 429,
    "internal_error": 500,
    "unavailable": 503,
}


class Refusal(Exception):
    """The venue refuses a request; `beside` are members that travel next to the error, such as the known order."""

    def __init__(
        self,
        code: str,
        message: str,
        field: str | None = None,
        *,
        beside: dict[str, Any] | None = None,
        retry_after_ms: int | None = None,
        oldest_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field
        self.beside = beside or {}
        self.retry_after_ms, self.oldest_after = retry_after_ms, oldest_after

    @property
    def http_status(self) -> int:
        return HTTP_STATUS[self.code]

    def error(self) -> dict[str, Any]:
        """The `error` member of a REST body or a websocket frame."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "field": self.field}
        if self.retry_after_ms is not None:
            error["retry_after_ms"] = self.retry_after_ms
        if self.oldest_after is not None:
            error["oldest_after"] = self.oldest_after
        return error
