"""A platform of ten markets started by `mm up`, for benchmarks that watch it for minutes."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections import Counter
from pathlib import Path

from common.bots import BinaryBot
from toolkit.instance import find_running
from toolkit.paths import CONFIG_DIR
from toolkit.testing.trial import Trial

ASSETS = ("BTC", "ETH", "SOL", "AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


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
        return BinaryBot.parse(document["bots"][0]["sections"])

    def pids(self) -> dict[str, int]:
        """Return the pid of every process that runs, by name."""
        running = find_running(self.data_dir)
        assert running is not None, "the platform is up"
        return {name: int(child["pid"]) for name, child in running.children.items() if child.get("pid")}

    def restarts(self) -> int:
        """Return how often any process had to be started again."""
        running = find_running(self.data_dir)
        assert running is not None, "the platform is up"
        return sum(int(child.get("restarts", 0)) for child in running.children.values())

    def cpu_s(self) -> dict[str, float]:
        """Return the processor time each process has used so far, by name."""
        used = {}
        for name, pid in self.pids().items():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used[name] = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        return used

    def refusals(self) -> dict[str, int]:
        """Return how often an order was refused so far, by the quoter's door and by the venue, by reason."""
        counts: Counter[str] = Counter()
        for account in self.state("quoter").get("accounts", {}).values():
            counts.update(account["rejections"])
            counts.update(account["venue_refusals"])
        return counts

    def quoted(self) -> int:
        """Return in how many markets orders rest on both sides."""
        sides: dict[str, set[str]] = {}
        for order in self.open_orders():
            sides.setdefault(order["market"], set()).add(order["outcome"])
        return sum(len(each) == 2 for each in sides.values())
