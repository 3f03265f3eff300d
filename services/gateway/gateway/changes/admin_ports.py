"""Orders to the services' own admin ports, which work without bus, ledger and everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from common.emptying import ANSWER_MAX_S, rows_of
from common.network.webclient import RequestFailed, WebClient
from pydantic import SecretStr

ASK_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = ANSWER_MAX_S + 1.0
"""A door that empties a scope answers when the venue has confirmed it, or says by then that it has not."""
DETAIL_CHARS_MAX = 500


class Outcome(NamedTuple):
    """What one service made of a command."""

    service: str
    outcome: str
    """done, refused, failed or unreachable."""
    detail: str
    accounts: list[dict[str, Any]]
    """What came of it at each account: `common.emptying` says how."""


class HttpResponse(NamedTuple):
    """What one service said to a question; status 0 when it said nothing."""

    service: str
    status: int
    document: dict[str, Any]


class AdminPorts:
    """The admin ports of the services, by name, and the token that opens their commands."""

    def __init__(self, urls: Mapping[str, str], token: SecretStr | None, client: WebClient) -> None:
        self._urls = {name: url.rstrip("/") for name, url in urls.items()}
        self._token, self._client = token, client

    def named(self, role: str) -> list[str]:
        """Return the services of a role: 'quoter' and, where there are several, 'quoter-…'."""
        return [name for name in self._urls if name == role or name.startswith(f"{role}-")]

    async def order(self, service: str, command: str, document: Mapping[str, Any]) -> Outcome:
        """Send one command and return what came of it; silence is 'unreachable', never an error."""
        try:
            answer = await self._client.request(
                "POST",
                f"{self._urls[service]}/{command}",
                timeout_s=COMMAND_TIMEOUT_S,
                headers=self._authorised({"content-type": "application/json"}),
                body=msgspec.json.encode(document),
            )
        except RequestFailed as error:
            return Outcome(service, "unreachable", str(error), [])
        document = _document(answer.body)
        if 200 <= answer.status < 300:
            rows = rows_of(document)
            said = "; ".join(row["said"] for row in rows) or str(document.get("kept", "done"))
            return Outcome(service, "done", said[:DETAIL_CHARS_MAX], rows)
        error_document = document.get("error")
        said = str(error_document.get("message", "")) if isinstance(error_document, dict) else ""
        outcome = "refused" if 400 <= answer.status < 500 else "failed"
        return Outcome(service, outcome, (said or f"answers {answer.status}")[:DETAIL_CHARS_MAX], [])

    async def order_trading(self, command: str, document: Mapping[str, Any]) -> list[Outcome]:
        """Send a command to every quoter at once, and where one of them cannot, to the watchdogs as well."""
        quoters = await asyncio.gather(*[self.order(each, command, document) for each in self.named("quoter")])
        outcomes = list(quoters)
        if not outcomes or any(each.outcome in ("unreachable", "failed") for each in outcomes):
            outcomes += await asyncio.gather(*[self.order(each, command, document) for each in self.named("watchdog")])
        return outcomes

    async def ask(self, service: str, page: str, query: Mapping[str, str]) -> HttpResponse:
        """Return what a service answers on one of its pages; silence and nonsense are status 0, never an error."""
        try:
            answer = await self._client.request(
                "GET",
                f"{self._urls[service]}/{page}",
                timeout_s=ASK_TIMEOUT_S,
                headers=self._authorised({}),
                params=query,
            )
            return HttpResponse(service, answer.status, msgspec.json.decode(answer.body, type=dict[str, Any]))
        except (RequestFailed, msgspec.DecodeError):
            return HttpResponse(service, 0, {})

    def _authorised(self, headers: dict[str, str]) -> dict[str, str]:
        if self._token is None:
            return headers
        return {**headers, "authorization": f"Bearer {self._token.get_secret_value()}"}


def _document(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
