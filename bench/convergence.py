"""Ten markets of six orders each on a platform started by `mm up`: how well the orders at the venue follow the targets.

The simulated exchange lists one market of five minutes for each of ten assets (BTC, ETH, SOL and seven made up), its
model moves each price ten times a second, and the takers of the demo trade. What should rest is what the quoter
publishes, from the moment it was made; what rests is read from the exchange's journal afterwards. A stretch of time in
which they differ beyond the bot's own tolerance counts as late, whole, when it lasts longer than 200 ms. A target that
only waits (input stale, session away) is not judged, but its time is told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import nats
from _converging import Change, Tolerance, VenueHistory, differing, levels_changed, target_change
from common.bots import BinaryBot, parse_bot
from common.bus.permissions import OPERATOR
from common.events import QuoteTarget, decode
from exchange.journal import decode_line
from nats.aio.msg import Msg
from toolkit.bench import Figure, at_most
from toolkit.instance import find_running
from toolkit.layout import nats_password_file
from toolkit.paths import CONFIG_DIR
from toolkit.trial import ACCOUNT, Trial

ASSETS = ("BTC", "ETH", "SOL", "AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG")
ALLOWED_NS = 200_000_000
LATE_MAX = 0.01
NS_PER_MS, NS_PER_S = 1_000_000, 1_000_000_000
SETTLE_S = 20.0
"""From the first quotes on, before anything is measured."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
RATE_REASONS = ("message_rate", "rate_limited")


class TenMarkets(Trial):
    """A platform whose exchange has ten assets, and whose bot quotes them all with the defaults."""

    def _write_config(self) -> None:
        folder = self.data_dir / "trial-config"
        shutil.copytree(CONFIG_DIR, folder, dirs_exist_ok=True)
        venues = folder / "venues.toml"
        text, few = venues.read_text(), '["BTCUSDT", "ETHUSDT", "SOLUSDT"]'
        assert few in text, f"{venues} lists the symbols of the price source"
        venues.write_text(text.replace(few, json.dumps([f"{asset}USDT" for asset in ASSETS])))
        sources = "\n".join(f'{asset} = [{{ venue = "binance", symbol = "{asset}USDT" }}]' for asset in ASSETS)
        (folder / "bots.toml").write_text(
            f'[[bots]]\nalgo_id = "1"\nkind = "binary"\nrunning = true\n\n[bots.sections.instrument]\n'
            f"series = {json.dumps([f'{asset}-5M' for asset in ASSETS])}\n\n"
            f"[bots.sections.instrument.sources]\n{sources}\n\n"
            # Takers who know more may win for ten minutes on end; that is another benchmark's business.
            '[bots.sections.risk_limits]\nmax_daily_loss = "1000000"\n'
        )
        for service in ("gateway", "feed"):
            self.settings[f"{service}.MM_CONFIG_DIR"] = str(folder)

    def bot(self) -> BinaryBot:
        document = tomllib.loads((self.data_dir / "trial-config" / "bots.toml").read_text())
        return parse_bot("binary", document["bots"][0]["sections"])

    def cpu_s(self) -> dict[str, float]:
        """Return the processor time each process has used so far, by name."""
        running = find_running(self.data_dir)
        assert running is not None, "the platform is up"
        used = {}
        for name, child in running.children.items():
            if child.get("pid"):
                fields = Path(f"/proc/{child['pid']}/stat").read_text().rpartition(")")[2].split()
                used[name] = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        return used

    def refusals(self) -> dict[str, int]:
        """Return how often an order was refused so far, by the quoter's door and by the venue, by reason."""
        state = self.state("quoter")
        counts: dict[str, int] = dict(state.get("rejections", {}))
        for code, count in state.get("venue_refusals", {}).items():
            counts[code] = counts.get(code, 0) + count
        return counts

    def quoted(self) -> int:
        """Return in how many markets orders rest on both sides."""
        sides: dict[str, set[str]] = {}
        for order in self.open_orders():
            sides.setdefault(order["market"], set()).add(order["outcome"])
        return sum(len(each) == 2 for each in sides.values())


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
    parser.add_argument("--minutes", type=float, default=10.0)
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
