"""REST at a gateway that is served over a real socket: each path, refusals, and tokens that have expired."""

from __future__ import annotations

import asyncio

import httpx
import msgspec
import pytest
from c2client.client import C2Client
from c2client.errors import C2Error, Refused, Unreachable
from c2client.rest import Rest
from c2client.tokens import Login, Tokens
from c2wire.configs import (
    Config,
    CurrencyRiskLimitsConfig,
    HedgerConfig,
    InstrumentConfig,
    PricerConfig,
    RiskConfig,
    RiskCurrencyConfig,
    RiskHedgerConfig,
)
from c2wire.dto import Order
from gateway.testing.served import CLIENT_SECRET, PASSWORD, MovedClock, Served


async def test_what_is_told_is_read_once(client: C2Client, served: Served) -> None:
    rest = client.rest
    assert [each.key for each in await rest.algorithms()] == ["MM"]
    (bot,) = (await rest.algorithm()).configurations
    assert (bot.instrument_config.algo_id, bot.instrument_config.running) == (3, True)
    found = await rest.bot(3)
    assert found is not None
    assert (found.configs, found.revision) == (bot, served.story.view.bots["3"].event.revision)
    assert await rest.bot(99) is None
    orders = await rest.orders(3)
    assert {type(order) for order in orders} == {Order} and len(orders) == 4
    assert await rest.trades(3) == []
    assert len(await rest.balances()) == 2
    assert [figures.algo_id for figures in await rest.trading_statistics()] == [3]
    (alert,) = await rest.alerts()
    assert await rest.alerts(alert.sequence) == []
    assert isinstance(await rest.risk_statistics(), list)
    assert await rest.risks() == []
    assert (await rest.risk()).risk is None


async def test_a_bot_is_saved_by_its_revision(client: C2Client) -> None:
    found = await client.rest.bot(3)
    assert found is not None and found.configs.pricer_config is not None
    wider = msgspec.structs.replace(found.configs.pricer_config, min_spread="9 bps")
    with pytest.raises(Refused) as refused:
        await client.rest.save(wider, found.revision + 1)
    assert refused.value.status == 409
    assert await client.rest.save(wider, found.revision) == wider


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (InstrumentConfig(instrument="BTCJPY", exchange="NOWHERE"), "exchange"),
        (PricerConfig(), "algo_id"),
        (HedgerConfig(algo_id=3, hedge_strategy="hope"), "position_max_norm_size"),
        (RiskCurrencyConfig(currency_id=99, currency="BTC"), None),
    ],
)
async def test_a_refusal_names_status_and_field(client: C2Client, config: Config, field: str | None) -> None:
    with pytest.raises(Refused) as refused:
        await client.rest.save(config)
    assert 400 <= refused.value.status < 500 and refused.value.message
    assert field is None or refused.value.field == field


async def test_switches_and_removal(client: C2Client) -> None:
    with pytest.raises(Refused) as refused:
        await client.rest.delete(InstrumentConfig, 3)
    assert refused.value.status == 409
    assert (await client.rest.stop(PricerConfig, 3)).running is False
    assert (await client.rest.stop(InstrumentConfig, 3)).running is False
    assert (await client.rest.delete(InstrumentConfig, 3)).algo_id == 3
    with pytest.raises(Refused, match="404"):
        await client.rest.start(HedgerConfig, 99)


async def test_risk_and_a_watched_currency(client: C2Client) -> None:
    risk = RiskConfig(account_currency="USD", cutoff_time=0)
    assert (await client.rest.save(risk)).account_currency == "USD"
    saved = await client.rest.save(RiskCurrencyConfig(currency="BTC"))
    assert saved == RiskCurrencyConfig(currency="BTC", currency_id=1)
    for ask in (
        client.rest.save(CurrencyRiskLimitsConfig(currency_id=98)),
        client.rest.start(RiskHedgerConfig, 98),
        client.rest.stop(RiskHedgerConfig, 98),
        client.rest.delete(RiskCurrencyConfig, 98),
    ):
        with pytest.raises(Refused):
            await ask


async def test_a_token_that_has_expired_is_renewed_by_its_refresh_token(
    client: C2Client, clock: MovedClock, served: Served
) -> None:
    before = await client.tokens.access()
    clock.ahead_s += 400
    found = await asyncio.gather(*(client.rest.algorithms() for _ in range(5)))
    assert len(found) == 5
    assert await client.tokens.access() != before
    assert served.context.view.logins["done"] == 1


async def test_a_token_is_renewed_before_it_expires(served: Served) -> None:
    now = [0.0]
    async with httpx.AsyncClient(base_url=served.http_url) as http:
        mine = Login(await served.user("viewer"), PASSWORD, client_secret=CLIENT_SECRET)
        tokens = Tokens(http, mine, lambda: now[0])
        before = await tokens.access()
        now[0] = 269.0
        assert await tokens.access() == before
        now[0] = 271.0
        assert await tokens.access() != before
        await tokens.logout()
        await tokens.logout()


@pytest.mark.parametrize(
    ("status", "body", "error", "text"),
    [
        (200, b"<html>", C2Error, "/api/v0/balances"),
        (200, b'[{"ccy": 1}]', C2Error, "ccy"),
        (502, b"<html>", Refused, "502 refused: no reason was given"),
        (422, b'{"name":"invalid","message":"x: must be y","field":"x"}', Refused, "422 invalid: x: must be y"),
    ],
)
async def test_an_answer_that_is_none_is_an_error(status: int, body: bytes, error: type[C2Error], text: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "a", "refresh_token": "r", "expires_in": 300})
        return httpx.Response(status, content=body)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://c2.test") as http:
        with pytest.raises(error, match=text):
            await Rest(http, Tokens(http, Login("ann", "b"))).balances()


async def test_a_server_that_is_gone_is_said_to_be(client: C2Client, served: Served) -> None:
    await served.stop()
    with pytest.raises(Unreachable, match="/api/v0/balances"):
        await client.rest.balances()
