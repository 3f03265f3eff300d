"""Orders to the services' own admin ports, which work without bus, ledger and everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from common.webclient import RequestFailed, WebClient
from pydantic import SecretStr

COMMAND_TIMEOUT_S = 5.0
DETAIL_CHARS_MAX = 300


class Outcome(NamedTuple):
    """What one service made of a command."""

    service: str
    outcome: str
    """done, refused or unreachable."""
    detail: str


class Answer(NamedTuple):
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
            return Outcome(service, "unreachable", str(error))
        outcome = "done" if 200 <= answer.status < 300 else "refused"
        return Outcome(service, outcome, answer.body.decode(errors="replace")[:DETAIL_CHARS_MAX])

    async def ask(self, service: str, page: str, query: Mapping[str, str]) -> Answer:
        """Return what a service answers on one of its pages; silence and nonsense are status 0, never an error."""
        try:
            answer = await self._client.request(
                "GET",
                f"{self._urls[service]}/{page}",
                timeout_s=COMMAND_TIMEOUT_S,
                headers=self._authorised({}),
                params=query,
            )
            return Answer(service, answer.status, msgspec.json.decode(answer.body, type=dict[str, Any]))
        except (RequestFailed, msgspec.DecodeError):
            return Answer(service, 0, {})

    def _authorised(self, headers: dict[str, str]) -> dict[str, str]:
        if self._token is None:
            return headers
        return {**headers, "authorization": f"Bearer {self._token.get_secret_value()}"}
