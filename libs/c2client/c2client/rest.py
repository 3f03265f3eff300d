"""The paths of C2's REST, each a method with the DTOs it takes and answers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec
from c2wire.configs import (
    Config,
    CurrencyRiskLimitsConfig,
    HedgerConfig,
    InstrumentConfig,
    PricerConfig,
    RiskConfig,
    RiskCurrencyConfig,
    RiskHedgerConfig,
    RiskLimitsConfig,
)
from c2wire.dto import Alert, Balance, Order, RiskStatistics, Trade, TradingStatistics
from c2wire.wire import Dto, encode

from c2client.errors import C2Error, refusal, unreachable
from c2client.tokens import Tokens

PREFIX = "/api/v0"
SAVED_UNDER: Mapping[type[Dto], str] = MappingProxyType(
    {
        InstrumentConfig: "instrument",
        PricerConfig: "pricer",
        HedgerConfig: "hedger",
        RiskLimitsConfig: "riskLimits",
        RiskConfig: "risks",
        RiskCurrencyConfig: "risks/currency",
        CurrencyRiskLimitsConfig: "risks/currency/limits",
        RiskHedgerConfig: "risks/hedger",
    }
)
"""The path below which each configuration is saved."""
# A currency's hedger is switched by the currency.
SWITCHED_UNDER: Mapping[type[Dto], str] = MappingProxyType(
    {InstrumentConfig: "instrument", PricerConfig: "pricer", HedgerConfig: "hedger", RiskHedgerConfig: "risks/currency"}
)
DELETED_UNDER: Mapping[type[Dto], str] = MappingProxyType(
    {InstrumentConfig: "instrument", RiskCurrencyConfig: "risks/currency"}
)

T = TypeVar("T")
C = TypeVar("C", bound=Config)
Switched = TypeVar("Switched", InstrumentConfig, PricerConfig, HedgerConfig, RiskHedgerConfig)
Deleted = TypeVar("Deleted", InstrumentConfig, RiskCurrencyConfig)


class AlgorithmName(msgspec.Struct, frozen=True):
    """An algorithm: there is one."""

    key: str
    name: str


class BotConfigs(msgspec.Struct, frozen=True):
    """The four configurations of a bot; None for one that it has not."""

    instrument_config: InstrumentConfig
    pricer_config: PricerConfig | None = None
    hedger_config: HedgerConfig | None = None
    risk_limits_config: RiskLimitsConfig | None = None


class Algorithm(msgspec.Struct, frozen=True):
    """An algorithm with its bots."""

    algorithm: AlgorithmName
    configurations: list[BotConfigs]


class CurrencyConfigs(msgspec.Struct, frozen=True):
    """A watched currency, its limits and its hedger; None for what it has not."""

    currency_config: RiskCurrencyConfig
    limits_config: CurrencyRiskLimitsConfig | None = None
    strategy_config: RiskHedgerConfig | None = None


class Risk(msgspec.Struct, frozen=True):
    """RISK, None where it was never saved, and every watched currency."""

    risk: RiskConfig | None
    configurations: list[CurrencyConfigs]


class Bot(NamedTuple):
    """A bot's configurations and the revision that they are."""

    configs: BotConfigs
    revision: int


class Rest:
    """Every path, asked with a good token.

    Each method raises Refused with what the server objects to, Unreachable, or C2Error for an answer that is none.
    """

    def __init__(self, http: httpx.AsyncClient, tokens: Tokens) -> None:
        self._http, self._tokens = http, tokens

    async def algorithms(self) -> list[AlgorithmName]:
        """Return the algorithms."""
        return await self._read("/config/algorithms", list[AlgorithmName])

    async def algorithm(self, key: str = "MM") -> Algorithm:
        """Return an algorithm with every bot."""
        return await self._read(f"/config/algorithm/{key}", Algorithm)

    async def bot(self, algo_id: int) -> Bot | None:
        """Return one bot's configurations, None where there is no such spot bot."""
        path = f"/config/instrument/get/{algo_id}"
        answer = await self._ask("GET", path)
        if answer.content == b"null":
            return None
        return Bot(_decoded(path, answer, BotConfigs), int(answer.headers.get("etag", "0").strip('W/"')))

    async def risks(self) -> list[RiskConfig]:
        """Return the RISK of each algorithm for which it was saved."""
        return await self._read("/config/risks", list[RiskConfig])

    async def risk(self, key: str = "MM") -> Risk:
        """Return RISK and every watched currency."""
        return await self._read(f"/config/risks/{key}", Risk)

    async def save(self, config: C, revision: int | None = None) -> C:
        """Save a configuration of any kind in place of the one before, and return it as it is stored.

        An INSTRUMENT without `algo_id` makes a bot, a RISK_CURRENCY without `currency_id` a watched currency. With a
        revision, Refused with 409 where that is no longer the one in force.
        """
        headers = {"content-type": "application/json"} | ({} if revision is None else {"if-match": f'"{revision}"'})
        path = f"/config/{SAVED_UNDER[type(config)]}/save"
        answer = await self._ask("POST", path, content=encode(config), headers=headers)
        return _decoded(path, answer, type(config))

    async def start(self, kind: type[Switched], id_: int) -> Switched:
        """Start a bot by INSTRUMENT, its pricer or hedger, or a currency's hedger by RISK_HEDGER; return it."""
        return await self._read(f"/config/{SWITCHED_UNDER[kind]}/start/{id_}", kind, "POST")

    async def stop(self, kind: type[Switched], id_: int) -> Switched:
        """Stop what `start` starts; return it."""
        return await self._read(f"/config/{SWITCHED_UNDER[kind]}/stop/{id_}", kind, "POST")

    async def delete(self, kind: type[Deleted], id_: int) -> Deleted:
        """Remove a stopped bot, or a watched currency, with all that belongs to it; return its last configuration."""
        return await self._read(f"/config/{DELETED_UNDER[kind]}/delete/{id_}", kind, "DELETE")

    async def trading_statistics(self) -> list[TradingStatistics]:
        """Return the figures of every spot bot."""
        return await self._read("/statistics/trading", list[TradingStatistics])

    async def risk_statistics(self) -> list[RiskStatistics]:
        """Return the exposure of every watched currency."""
        return await self._read("/statistics/risk", list[RiskStatistics])

    async def alerts(self, after_sequence: int = 0) -> list[Alert]:
        """Return the last alerts, those alone that have a higher sequence."""
        return await self._read(f"/alerts?after_sequence={after_sequence}", list[Alert])

    async def orders(self, algo_id: int) -> list[Order]:
        """Return the last orders of a bot and every open one."""
        return await self._read(f"/orders/{algo_id}", list[Order])

    async def trades(self, algo_id: int) -> list[Trade]:
        """Return the last executions of a bot."""
        return await self._read(f"/trades/{algo_id}", list[Trade])

    async def balances(self) -> list[Balance]:
        """Return what there is of each currency at each exchange."""
        return await self._read("/balances", list[Balance])

    async def _read(self, path: str, cls: type[T], method: str = "GET") -> T:
        return _decoded(path, await self._ask(method, path), cls)

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        token = await self._tokens.access()
        answer = await self._send(method, path, token, request)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            # Nothing was done for a token that was not known, so that asking again does nothing twice.
            answer = await self._send(method, path, await self._tokens.access(token), request)
        if not answer.is_success:
            raise refusal(answer.status_code, answer.content)
        return answer

    async def _send(self, method: str, path: str, token: str, request: Mapping[str, Any]) -> httpx.Response:
        headers = {**request.get("headers", {}), "authorization": f"Bearer {token}"}
        try:
            return await self._http.request(method, PREFIX + path, **{**request, "headers": headers})
        except httpx.TransportError as error:
            raise unreachable(PREFIX + path, error) from None


def _decoded(path: str, answer: httpx.Response, cls: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=cls)
    except msgspec.DecodeError as error:
        raise C2Error(f"{PREFIX}{path}: {error}") from None
