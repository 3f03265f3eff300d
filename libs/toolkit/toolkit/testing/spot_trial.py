"""The platform of spot bots under trial: what rests at the named venues, and their books against the ledger's."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from toolkit.layout import spot_keys_dir
from toolkit.testing.trial import Trial, TrialError

PROFILE = "spot"
QUOTED = {"mm1-dltxmm": ("BTCJPY", "BTCUSD", "ETHUSD"), "mm1-bittrex": ("ADAETH",)}
"""By account, what the bots that ship quote there."""
HEDGING = ("mm1-kraken", "mm1-binance", "mm1-coinbase")


class SpotTrial(Trial):
    """The four spot bots that ship, with an account at each of five venues."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.accounts = [*QUOTED, *HEDGING]
        self._tokens: dict[str, str] = {}

    def start(self, timeout_s: float = 120.0) -> None:
        """Start everything in the profile of spot bots, with the configuration that ships."""
        where = ["--source", self.source, "--servers", self.servers, *self._where()]
        self._mm(["up", "--detach", "--profile", PROFILE, *where], timeout_s)

    def venue(self, path: str, account: str = HEDGING[0]) -> Any:
        """GET something of an account at the venue where it is."""
        name = account.partition("-")[2]
        url = f"http://127.0.0.1:{self.ports.exchange}/venues/{name}"
        for _ in range(2):
            token = self._tokens.get(account, "none")
            answer = self.http.get(url + path, headers={"Authorization": f"Bearer {token}"})
            if answer.status_code != 401:
                answer.raise_for_status()
                return answer.json()
            keys = json.loads((spot_keys_dir(self.data_dir) / name / "keys" / f"{account}.json").read_text())
            key = next(each for each in keys if "read" in each["scopes"])
            body = {"api_key": key["api_key"], "api_secret": key["api_secret"]}
            self._tokens[account] = self.http.post(f"{url}/auth/login", json=body).json()["token"]
        raise TrialError(f"{name} refuses its own key")

    def two_sided(self) -> bool:
        """Say whether a bid and an ask of every bot rest."""
        try:
            rows = self.open_orders(*QUOTED)
        except (httpx.HTTPError, TrialError):
            return False
        sides = {(order["symbol"], order["side"]) for order in rows}
        wanted = {(symbol, side) for symbols in QUOTED.values() for symbol in symbols for side in ("bid", "ask")}
        return wanted <= sides

    def resting(self) -> set[tuple[str, str]]:
        """Return our own order ids at the venues where bots quote, each with its price."""
        return {(str(row["client_order_id"]), str(row["price"])) for row in self.open_orders(*QUOTED)}

    def money_in_ledger(self, account: str = HEDGING[0]) -> dict[str, Decimal]:
        """Return what risk's books say an account has: cash, and coins in the lines of all bots."""
        state = self.state("risk")
        cash = {name: Decimal(text) for name, text in state.get("accounts", {}).get(account, {}).items()}
        lots = {row["symbol"]: row for row in self.venue("/symbols", account)["symbols"]}
        for line in (line for bot in state.get("bots", []) for line in bot["lines"] if line["account"] == account):
            symbol = lots[line["symbol"]]
            held = cash.get(symbol["base"], Decimal(0))
            cash[symbol["base"]] = held + line["position"] * Decimal(symbol["lot"])
        return cash
