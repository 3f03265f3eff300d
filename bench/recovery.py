"""Time to quote again after a kill: kill -9 of each service, NATS and Redis in turn, under load.

Quoting again means: a new process runs, every service reports ready, and after that new orders of ours came to rest at
the venue on both sides of a market, with `--profile spot` of every bot's. After all rounds the books are reconciled:
executions at the venue against FILL, every account's money in the ledger against balances and statements.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import whole_number
from toolkit.testing.spot_trial import SpotTrial
from toolkit.testing.trial import SHORT_MARKETS, Trial

VICTIMS = ("feed", "pricer", "quoter", "risk", "watchdog", "gateway", "nats", "redis")
AIM_S = 5.0
SETTLE_S = 3.0
# Long markets: a market's own end must not look like a failure to quote.
SETTINGS = {**SHORT_MARKETS, "exchange.MM_SERIES_LENGTH_S": "600", "exchange.MM_TAKER_NOISE_PER_S": "8"}


def main(options: list[str]) -> list[Figure]:
    """Return per victim the median and worst time to quoting again, then what was lost, doubled or left."""
    parser = argparse.ArgumentParser(prog="bench recovery")
    parser.add_argument("--rounds", type=whole_number(), default=3)
    parser.add_argument("--victims", nargs="+", default=list(VICTIMS), choices=VICTIMS)
    parser.add_argument("--profile", default="demo", choices=("demo", "spot"))
    arguments = parser.parse_args(options)
    with tempfile.TemporaryDirectory(prefix="mm-recovery-") as folder:
        path = Path(folder)
        trial = SpotTrial(path) if arguments.profile == "spot" else Trial(path, settings=SETTINGS)
        try:
            return _measure(trial, arguments.rounds, arguments.victims)
        finally:
            trial.close()


def _measure(trial: Trial, rounds: int, victims: list[str]) -> list[Figure]:
    trial.start()
    print(f"first two-sided quote after {trial.wait('two-sided quote', trial.two_sided):.1f} s")
    times: dict[str, list[float]] = {victim: [] for victim in victims}
    for number in range(rounds):
        for victim in victims:
            times[victim].append(_kill_and_wait(trial, victim))
            print(f"round {number + 1}: {victim} killed, quoting again after {times[victim][-1]:.2f} s")
    figures = []
    for victim in victims:
        figures.append(Figure(f"{victim}: median", round(statistics.median(times[victim]), 2), "s"))
        figures.append(at_most(f"{victim}: worst", round(max(times[victim]), 2), "s", AIM_S))
    return figures + _books(trial)


def _kill_and_wait(trial: Trial, victim: str) -> float:
    """Return the time from the kill until everybody is ready again and new orders rest on both sides, in s."""
    before = trial.pid(victim)
    began = time.monotonic()
    trial.kill(victim)
    trial.quoting_again(victim, before)
    took = time.monotonic() - began
    time.sleep(SETTLE_S)
    return took


def _apart(trial: Trial) -> Decimal:
    """Return the largest difference of any currency of any account between ledger, balances and statements."""
    apart = Decimal(0)
    for account in trial.accounts:
        books = trial.money_in_ledger(account), trial.money_at_venue(account), trial.money_by_statement(account)
        for currency in set().union(*books):
            shown = [book.get(currency, Decimal(0)) for book in books]
            apart = max(apart, max(shown) - min(shown))
    return apart


def _books(trial: Trial) -> list[Figure]:
    trial.command("quoter", "cancel-all", {"actor": "bench"})
    trial.command("quoter", "halt", {"scope": "global", "reason": "bench", "actor": "bench"})
    trial.wait("empty book", lambda: not trial.open_orders(), 30)
    try:
        trial.wait("agreement of the books", lambda: not trial.books_agree(), 30)
    except Exception as error:  # the figures below say by how much they differ
        print(f"{error}"[:2_000])
    venue, bus = trial.fills_at_venue(), trial.fills_on_bus()
    figures = [
        Figure("fills", sum(venue.values()), "executions"),
        at_most("fills lost", sum((venue - bus).values()), "executions", 0),
        at_most("fills doubled", sum((bus - venue).values()), "executions", 0),
        at_most("cash apart", float(_apart(trial)), "units of a currency", 0),
        at_most("unknown orders left", len(trial.open_orders()), "orders", 0),
    ]
    trial.stop()
    return figures
