"""Ten markets of six orders each on a platform started by `mm up`: how closely orders at the venue follow the targets.

The simulated exchange lists one market of five minutes for each of ten assets (BTC, ETH, SOL and seven made up), its
model moves each price ten times a second, and the takers of the demo trade. What should rest is the quoter's published
target, from the moment it was made; what rests is read from the exchange's journal afterwards. A period in which they
differ beyond the bot's own tolerance counts as late, in full, when it lasts longer than 200 ms. A target that only
waits (input stale, session down) is not judged, but its time is reported.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import nats
from _converging import Change, Tolerance, VenueHistory, differing, levels_changed, target_change
from _ten_markets import ASSETS, TenMarkets
from common.bots import BinaryBot
from common.bus.permissions import OPERATOR
from common.events import QuoteTarget, decode
from exchange.journal import decode_line
from nats.aio.msg import Msg
from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import MINUTES_MAX, number
from toolkit.layout import nats_password_file
from toolkit.testing.trial import ACCOUNT

ALLOWED_NS = 200_000_000
LATE_MAX = 0.01
NS_PER_MS, NS_PER_S = 1_000_000, 1_000_000_000
SETTLE_S = 20.0
"""From the first quotes on, before anything is measured."""
RATE_REASONS = ("message_rate", "rate_limited")


@dataclass
class Observed:
    """What was seen of a run."""

    begin_ns: int = 0
    end_ns: int = 0
    targets: dict[str, list[QuoteTarget]] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)

    def on_target(self, target: QuoteTarget) -> None:
        self.targets.setdefault(target.symbol, []).append(target)


async def observe(trial: TenMarkets, seconds: float) -> Observed:
    """Listen to the targets for a while and count what the processes use meanwhile."""
    observed = Observed()

    async def heard(message: Msg) -> None:
        observed.on_target(decode(QuoteTarget, message.data))

    client = await nats.connect(
        f"nats://127.0.0.1:{trial.ports.nats}",
        user=OPERATOR,
        password=nats_password_file(trial.data_dir, OPERATOR).read_text().strip(),
    )
    try:
        await client.subscribe("quote.target.>", cb=heard)
        await asyncio.sleep(SETTLE_S)
        observed.begin_ns, cpu_s, refusals = time.time_ns(), trial.cpu_s(), trial.refusals()
        left_s = seconds
        while left_s > 0:
            await asyncio.sleep(min(30.0, left_s))
            left_s -= 30.0
            count = sum(map(len, observed.targets.values()))
            print(f"{max(0.0, left_s):.0f} s left, {count} targets of {len(observed.targets)} markets", flush=True)
        observed.end_ns = time.time_ns()
        observed.cpu_s = {name: used - cpu_s.get(name, 0.0) for name, used in trial.cpu_s().items()}
        now = trial.refusals()
        observed.refusals = {reason: now[reason] - refusals.get(reason, 0) for reason in now}
    finally:
        await client.close()
    return observed


def read_journal(path: Path) -> VenueHistory:
    history = VenueHistory(ACCOUNT)
    with path.open("rb") as lines:
        for line in lines:
            data = decode_line(line)
            for frame in msgspec.json.decode(data) if data is not None else ():
                history.on_frame(frame)
    return history


def figures(observed: Observed, history: VenueHistory, bot: BinaryBot) -> list[Figure]:
    """Lay the two histories of each market over each other."""
    quoting = bot.quoting
    tolerance = Tolerance(quoting.price_tolerance_ticks, quoting.size_tolerance)
    begin_ns, end_ns = observed.begin_ns, observed.end_ns
    seconds = (end_ns - begin_ns) / NS_PER_S
    judged_ns = late_ns = any_ns = longest_ns = changed = orders = 0
    for symbol, told in observed.targets.items():
        targets = [target_change(target, quoting.target_life_ms * NS_PER_MS) for target in told]
        # A target that nobody renews is over: nothing is to be said of the time after it.
        over_ns = told[-1].valid_until_ns
        found = differing(
            [*targets, Change(over_ns, None)],
            history.changes.get(symbol, []),
            tolerance,
            ALLOWED_NS,
            begin_ns,
            end_ns,
        )
        judged_ns, late_ns, any_ns = judged_ns + found.judged_ns, late_ns + found.late_ns, any_ns + found.any_ns
        longest_ns = max(longest_ns, found.longest_ns)
        inside = [each for each in targets if begin_ns <= each.at_ns <= end_ns]
        changed += levels_changed(inside, tolerance)
        orders = max(orders, max((len(each.levels or ()) for each in inside), default=0))
    messages = sum(begin_ns <= at_ns <= end_ns for at_ns in history.messages)
    rate = sum(observed.refusals.get(reason, 0) for reason in RATE_REASONS)
    return [
        Figure("time measured", round(seconds, 1), "s"),
        Figure("markets at a time, on average", round(judged_ns / (end_ns - begin_ns), 2), "markets"),
        Figure("orders per market, at most", orders, "orders"),
        at_most("time in which orders differ from the target for over 200 ms", late_ns / judged_ns, "of it", LATE_MAX),
        Figure("time in which they differ at all", any_ns / judged_ns, "of it"),
        Figure("longest time they differ", round(longest_ns / NS_PER_MS, 1), "ms"),
        Figure("levels changed", round(changed / seconds, 1), "per s"),
        Figure("messages", round(messages / seconds, 1), "per s"),
        Figure("messages per changed level", round(messages / max(1, changed), 2), ""),
        at_most("refusals for the rate", rate, "orders", 0),
        *[
            Figure(f"refused: {reason}", count, "orders")
            for reason, count in sorted(observed.refusals.items())
            if count
        ],
        *[
            Figure(f"processor: {name}", round(100 * used / seconds, 1), "% of a core")
            for name, used in sorted(observed.cpu_s.items())
        ],
    ]


def main(options: list[str]) -> list[Figure]:
    """Start a platform, watch it for some minutes, stop it, and compare."""
    parser = argparse.ArgumentParser(prog="bench convergence", description=__doc__)
    parser.add_argument("--minutes", type=number(0.1, MINUTES_MAX), default=10.0)
    arguments = parser.parse_args(options)
    folder = Path(tempfile.mkdtemp(prefix="convergence-"))
    settings: dict[str, Any] = {"exchange.MM_SERIES_ASSETS": ",".join(ASSETS)}
    trial = TenMarkets(folder / "data", settings=settings)
    try:
        trial.data_dir.mkdir()
        trial.start()
        # The first markets may be too short to be taken up; those after them are not.
        trial.wait("quotes on both sides of all markets", lambda: trial.quoted() == len(ASSETS), 180.0)
        observed = asyncio.run(observe(trial, 60.0 * arguments.minutes))
        bot = trial.bot()
        trial.stop()
        found = figures(observed, read_journal(trial.data_dir / "exchange" / "journal.log"), bot)
    except Exception:
        print(f"logs are in {folder}")
        raise
    finally:
        trial.close()
    shutil.rmtree(folder)
    return found
