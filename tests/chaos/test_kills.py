"""kill -9 of every process in turn, under load: the platform comes back and the books agree with the venue's."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
import redis
from toolkit.layout import redis_password_file
from toolkit.testing.trial import ACCOUNT, SHORT_MARKETS, Trial

pytestmark = pytest.mark.timeout(420)

SETTINGS = {**SHORT_MARKETS, "exchange.MM_SERIES_LENGTH_S": "600", "exchange.MM_TAKER_NOISE_PER_S": "8"}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    made = Trial(tmp_path_factory.mktemp("chaos"), settings=SETTINGS, bots=("1", "2"))
    try:
        made.start()
        made.wait("two-sided quote", made.two_sided, 90)
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    "victim", ["feed", "pricer", "quoter", "risk", "watchdog", "gateway", "nats", "redis", "exchange"]
)
def test_quoting_returns_after_a_kill(trial: Trial, victim: str) -> None:
    before = trial.pid(victim)
    trial.kill(victim)
    trial.quoting_again(victim, before)


def money_in_redis(trial: Trial) -> dict[str, Decimal]:
    """Return what the account has of each currency by the positions store."""
    password = redis_password_file(trial.data_dir).read_text().strip()
    with redis.Redis(port=trial.ports.redis, password=password) as client:
        fields = client.hgetall("risk:0")
    assert isinstance(fields, dict), "the client answers at once"
    account = msgspec.msgpack.decode(fields[f"account:{ACCOUNT}".encode()])
    lines = [msgspec.msgpack.decode(data) for name, data in fields.items() if name.startswith(b"line:")]
    cash = {currency: Decimal(text) for currency, text in account["cash"]}
    return trial.with_coins(cash, [(line["symbol"], line["lots"]) for line in lines])


def test_no_fill_is_lost_or_doubled_in_any_currency_and_no_order_is_left(trial: Trial) -> None:
    trial.wait("fills", lambda: sum(trial.fills_at_venue().values()) >= 10, 90)
    trial.wait("fills of coins", lambda: trial.spot_fills_at_venue() >= 3, 90)
    trial.command("quoter", "halt", {"scope": "global", "reason": "drill", "actor": "test"})
    trial.command("quoter", "cancel-all", {"actor": "test"})
    trial.wait("empty book", lambda: not trial.open_orders(), 30)
    trial.wait("agreement of the books", lambda: not trial.books_agree(), 60)
    trial.wait("agreement of the positions store", lambda: money_in_redis(trial) == trial.money_at_venue(), 30)
    trial.stop()
