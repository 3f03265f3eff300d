"""kill -9 of every process in turn, under load: the platform comes back and the books agree with the venue's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from toolkit.testing.trial import SHORT_MARKETS, Trial

pytestmark = pytest.mark.timeout(420)

SETTINGS = {**SHORT_MARKETS, "exchange.MM_SERIES_LENGTH_S": "600", "exchange.MM_TAKER_NOISE_PER_S": "8"}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    made = Trial(tmp_path_factory.mktemp("chaos"), settings=SETTINGS)
    try:
        made.start()
        made.wait("two-sided quote", made.two_sided, 90)
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("victim", ["feed", "pricer", "quoter", "risk", "watchdog", "gateway", "nats", "redis"])
def test_quoting_returns_after_a_kill(trial: Trial, victim: str) -> None:
    before = trial.pid(victim)
    trial.kill(victim)
    trial.quoting_again(victim, before)


def test_no_fill_is_lost_or_doubled_and_no_order_is_left(trial: Trial) -> None:
    trial.wait("fills", lambda: sum(trial.fills_at_venue().values()) >= 10, 90)
    trial.command("quoter", "halt", {"scope": "global", "reason": "drill", "actor": "test"})
    trial.command("quoter", "cancel-all", {"actor": "test"})
    trial.wait("empty book", lambda: not trial.open_orders(), 30)
    trial.wait("agreement of the books", lambda: not trial.books_agree(), 60)
    trial.stop()
