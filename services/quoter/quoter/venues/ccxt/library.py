"""The package ccxt without its sockets: it signs, parses and names errors, our shell carries what it asks for.

Only this module imports it. Its objects are ordinary ones with three things exchanged: the request goes to whoever
drives the call (driving.py), the time is what the session was told, numbers stay the digits that came.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from common.clock import NS_PER_MS
from common.errors import ConfigError

from quoter.venues.ccxt.driving import Asking, Refused, Unclear, decode
from quoter.venues.conversation import Request

EXTRA = "quoter[ccxt]"
SAID_CHARS_MAX = 200
DOUBTFUL = ("duplicate", "timeout", "timed out", "eservice:", "internal error")
"""Parts of what venues say when the order may be there all the same."""


def exchange_of(name: str, keys: Mapping[str, str], now_ns: Callable[[], int], *, live: bool) -> Any:
    """Return ccxt's object for a venue, with its sandbox's addresses unless live.

    ConfigError when the package is not installed, or when the venue has no sandbox.
    """
    library = _library(f"ccxt.pro.{name}")
    cls = type(f"Driven{name.capitalize()}", (_driven(now_ns), getattr(library, name)), {})
    exchange = cls({"enableRateLimit": False, "newUpdates": False, **keys})
    exchange.number = str
    if not live:
        if not exchange.urls.get("test"):
            raise ConfigError([f"MM_{name.upper()}_LIVE: {name} has no sandbox, so it is for real money or not at all"])
        exchange.set_sandbox_mode(True)
    return exchange


def market_reader(name: str) -> Callable[[Any], list[dict[str, Any]]]:
    """Return a function from a venue's list of markets, as it came, to ccxt's form of each."""
    reader = getattr(_library("ccxt"), name)(
        {"enableRateLimit": False, "options": {"fetchMarkets": {"types": ["spot"]}}}
    )
    reader.number = str

    def read(document: Any) -> list[dict[str, Any]]:
        # The synchronous class asks once and is given what came already.
        reader.fetch = lambda *_args, **_more: document
        try:
            found: list[dict[str, Any]] = reader.fetch_markets()
        except Exception as error:
            raise Unclear(f"{type(error).__name__} in a market") from None
        return found

    return read


def _library(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError([f"MM_VENUE: this venue needs the package ccxt, install it with {EXTRA}"]) from None


def _driven(now_ns: Callable[[], int]) -> type:
    """Return what turns a class of ccxt's into one that asks instead of connecting."""
    errors = _library("ccxt.base.errors")

    class Driven:
        session = socks_proxy_sessions = None
        markets: Any
        last_http_response: str

        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            reply = await Asking(Request(method, url, (body or "").encode(), dict(headers or {})))
            if reply.status == 0 or reply.status >= 500:
                raise Unclear(f"status {reply.status}")
            if reply.status in (401, 403):
                raise Refused("bad_credentials", f"status {reply.status}")
            text = self.last_http_response = reply.body.decode(errors="replace")
            document = decode(reply.body)
            mixed: Any = self
            # Binance's code of a refused key would be taken for its rate limit once a key was good.
            mixed.options["hasAlreadyAuthenticatedSuccessfully"] = False
            mixed.handle_errors(reply.status, "", url, method, {}, text or " ", document, headers, body)
            mixed.handle_http_status_code(reply.status, "", "", method, text[:SAID_CHARS_MAX])
            if document is None:
                raise Unclear("an answer that cannot be read")
            return document

        async def load_markets(self, reload: bool = False, params: Any = None) -> Any:
            return self.markets

        def milliseconds(self) -> int:
            return now_ns() // NS_PER_MS

        def meaning(self, error: Exception) -> Refused | Unclear:
            return _meaning(error, errors)

        def __del__(self) -> None:
            """Nothing to close."""

    return Driven


def _meaning(error: Exception, kinds: Any) -> Refused | Unclear:
    """Return what an error of ccxt's says about the request: refused for a reason, or nobody knows."""
    text = _said(error)
    for cls, code in (
        (kinds.RateLimitExceeded, "rate_limited"),
        (kinds.DDoSProtection, "rate_limited"),
        (kinds.InvalidNonce, "bad_nonce"),
        (kinds.OnMaintenance, "maintenance"),
        (kinds.AuthenticationError, "bad_credentials"),
        (kinds.InsufficientFunds, "insufficient_funds"),
        (kinds.OrderImmediatelyFillable, "would_cross"),
        (kinds.OrderNotFound, "unknown_order"),
    ):
        if isinstance(error, cls):
            return Refused(code, text)
    if "unknown order" in text.lower():
        return Refused("unknown_order", text)
    # An order of that name may be there; an answer that is none says nothing; a network knows nothing.
    if any(part in text.lower() for part in DOUBTFUL) or isinstance(
        error, kinds.DuplicateOrderId | kinds.BadResponse | kinds.OperationFailed | kinds.NetworkError
    ):
        return Unclear(f"{type(error).__name__}: {text}")
    if isinstance(error, kinds.InvalidOrder):
        return Refused("invalid_order", text)
    if isinstance(error, kinds.BaseError):
        return Refused("refused", text)
    return Unclear(f"an answer that cannot be read: {type(error).__name__}")


def _said(error: Exception) -> str:
    """Return what the venue said, cut to a readable length and without the address that was asked."""
    words = str(error).split(" ")
    return " ".join(word for word in words if "://" not in word)[:SAID_CHARS_MAX]
