"""A whole platform of real processes for a test or a benchmark: start it, hurt it, compare books with the venue."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import nats
from common.events import Fill, decode
from common.instruments import quantity_of
from common.streams import JETSTREAM_API

from toolkit.instance import find_running
from toolkit.layout import admin_token_file, nats_password_file, venue_keys_dir
from toolkit.paths import CONFIG_DIR
from toolkit.platform.listening import can_bind, free_port
from toolkit.ports import SPAN, Ports, port_map
from toolkit.servers.programs import wished_for

ACCOUNT = "mm1"
QUOTING = ("feed", "pricer", "risk", "quoter")
"""The services without which nothing is quoted."""
WITHOUT_ADMIN = ("nats", "redis", "exchange")
"""Processes that are not asked whether they are ready."""
POLL_S = 0.05
PORT_DRAWS_MAX = 200
SHORT_MARKETS: Mapping[str, str] = {
    "exchange.MM_SERIES_LENGTH_S": "40",
    "exchange.MM_TAKER_NOISE_PER_S": "4",
    "exchange.MM_MODEL_TICKS_PER_S": "20",
}


BOT_TABLE = "[[bots]]\n"
INVENTORY = "[bots.sections.inventory]\n"
SHORT_PHASES = "min_life_s = 10.0\nreduce_only_s = 8.0\nclose_threshold_s = 2.0\n"
# Takers come far oftener than in the demo; pairs are not merged yet, so the usual limit would end the quoting.
POSITION = ("max_position = 1000", "max_position = 10000")


class Execution(NamedTuple):
    """One execution of an order of ours."""

    account: str
    trade_id: str
    client_order_id: str
    size: Decimal
    """In units: shares, or of the base currency."""


class TrialError(Exception):
    """The platform under trial did not do what was waited for; the message says what and shows its last words."""


class Trial:
    """One platform started by the same command a person uses, on ports of its own."""

    def __init__(
        self,
        data_dir: Path,
        *,
        source: str = "model",
        settings: Mapping[str, str] = SHORT_MARKETS,
        port_base: int | None = None,
        servers: str = "",
        path: str = "",
        bots: Collection[str] = ("1",),
        accounts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`servers` is for `--servers` (else the environment's wish), `path` goes before the PATH.

        `bots` are those of the configuration that it has; the first quotes YES/NO markets, the second a spot symbol.
        `accounts` are those of the bots that trade for another one than mm1.
        """
        self.data_dir = data_dir
        self.servers, self.path = servers or wished_for(), path
        self.port_base = port_base or free_port_base()
        self.ports: Ports = port_map(self.port_base)
        self.source, self.settings, self.bots = source, dict(settings), bots
        self._account_of = dict(accounts)
        self.accounts = sorted({self._account_of.get(bot, ACCOUNT) for bot in bots})
        # A door that empties a scope answers within 7 s.
        self.http = httpx.Client(timeout=10.0, trust_env=False)
        self._venue_tokens: dict[str, str] = {}

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, timeout_s: float = 120.0) -> None:
        """Start everything and return when the supervisor says it runs."""
        self._write_config()
        arguments = ["up", "--detach", "--source", self.source, "--servers", self.servers, *self._where()]
        for name, value in self.settings.items():
            arguments += ["--set", f"{name}={value}"]
        self._mm(arguments, timeout_s)

    def _write_config(self) -> None:
        """Give the first bot phases that fit the trial's short markets."""
        folder = self.data_dir / "trial-config"
        shutil.copytree(CONFIG_DIR, folder, dirs_exist_ok=True)
        bots = folder / "bots.toml"
        text = "".join(self._chosen(bots.read_text()))
        assert text.count(INVENTORY) == 1, f"{bots} has one {INVENTORY}"
        length_s = int(self.settings.get("exchange.MM_SERIES_LENGTH_S", "300"))
        length = f"{length_s // 60}M" if length_s % 60 == 0 else f"{length_s}S"
        # The venue names a series by the life of its markets.
        bots.write_text(
            text.replace(INVENTORY, INVENTORY + SHORT_PHASES).replace("-5M", f"-{length}").replace(*POSITION)
        )
        self.settings.setdefault("gateway.MM_CONFIG_DIR", str(folder))

    def _chosen(self, text: str) -> Iterator[str]:
        """Yield the head of a file of bots, and the tables of those that this platform has."""
        head, *tables = text.split(BOT_TABLE)
        yield head
        for table in tables:
            algo_id = tomllib.loads(BOT_TABLE + table)["bots"][0]["algo_id"]
            if algo_id in self.bots:
                account = self._account_of.get(algo_id, ACCOUNT)
                yield BOT_TABLE + table.replace(f'account = "{ACCOUNT}"', f'account = "{account}"')

    def stop(self, timeout_s: float = 90.0) -> None:
        """Stop everything; TrialError when a process remains or an order may rest."""
        self._mm(["down", "--data-dir", str(self.data_dir)], timeout_s)

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        running = find_running(self.data_dir)
        if running is not None:
            with_children = [running.pid, *(child["pid"] for child in running.children.values() if child.get("pid"))]
            for pid in with_children:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        self.http.close()

    def mm(self, *arguments: str, timeout_s: float = 60.0) -> str:
        """Run a command of `mm` against this platform and return what it printed."""
        return self._mm([*arguments, *self._where()], timeout_s)

    def _where(self) -> list[str]:
        return ["--data-dir", str(self.data_dir), "--port-base", str(self.port_base)]

    def _mm(self, arguments: list[str], timeout_s: float) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
        if self.path:
            environment["PATH"] = self.path + os.pathsep + environment["PATH"]
        done = subprocess.run(
            [sys.executable, "-m", "toolkit", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode != 0:
            raise TrialError(f"mm {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    # --- looking ------------------------------------------------------------------------------------------------

    def pid(self, name: str) -> int:
        """Return the pid of one process of the platform, 0 while it is between two lives."""
        running = find_running(self.data_dir)
        if running is None:
            raise TrialError("the platform is not up")
        return int(running.children[name]["pid"] or 0)

    def kill(self, name: str) -> None:
        """kill -9; the supervisor starts it again."""
        pid = self.pid(name)
        if not pid:
            raise TrialError(f"{name} does not run")
        os.kill(pid, signal.SIGKILL)

    def restarted(self, name: str, before: int) -> bool:
        """Say whether a new process of a name runs, `before` being the pid of the old one."""
        return self.pid(name) not in (0, before)

    def admin_port(self, service: str) -> int:
        return int(getattr(self.ports, f"{service}_admin"))

    def state(self, service: str) -> dict[str, Any]:
        """Return the /state of a service; empty while it does not answer."""
        url = f"http://127.0.0.1:{self.admin_port(service)}/state"
        try:
            answer: dict[str, Any] = self.http.get(url, headers=self._admin_header()).json()
        except (OSError, httpx.HTTPError, ValueError):
            return {}
        return answer

    def command(self, service: str, name: str, document: Mapping[str, Any]) -> httpx.Response:
        """Send a command to a service's admin port with the admin token."""
        url = f"http://127.0.0.1:{self.admin_port(service)}/{name}"
        return self.http.post(url, json=document, headers=self._admin_header())

    def _admin_header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {admin_token_file(self.data_dir).read_text().strip()}"}

    def status(self) -> dict[str, Any]:
        picture: dict[str, Any] = json.loads(self.mm("status", "--json"))
        return picture

    def venue(self, path: str, account: str = ACCOUNT) -> Any:
        """GET something of a market maker's account at the venue."""
        url = f"http://127.0.0.1:{self.ports.exchange}"
        for _ in range(2):
            token = self._venue_tokens.get(account, "none")
            answer = self.http.get(url + path, headers={"Authorization": f"Bearer {token}"})
            if answer.status_code != 401:
                answer.raise_for_status()
                return answer.json()
            keys = json.loads((venue_keys_dir(self.data_dir) / f"{account}.json").read_text())
            key = next(each for each in keys if "read" in each["scopes"])
            login = self.http.post(
                f"{url}/auth/login", json={"api_key": key["api_key"], "api_secret": key["api_secret"]}
            )
            self._venue_tokens[account] = login.json()["token"]
        raise TrialError("the venue refuses its own key")

    def open_orders(self, *accounts: str) -> list[dict[str, Any]]:
        """Return what rests at the venue now, of some accounts or all."""
        named = accounts or self.accounts
        return [order for account in named for order in self.venue("/orders?status=open", account)["orders"]]

    def ready(self, names: Sequence[str] = QUOTING) -> bool:
        """Say whether these services do their job, by their own word."""
        try:
            return all(
                self.http.get(f"http://127.0.0.1:{self.admin_port(name)}/ready").status_code == 200 for name in names
            )
        except httpx.HTTPError:
            return False

    def quoting_again(self, victim: str, before: int, timeout_s: float = 60.0) -> None:
        """Wait for the life after a kill: a new process, everybody ready, then quotes on both sides, some of them new.

        Quotes that merely survived, or that were renewed from what a dead feed had said, prove nothing.
        """
        self.wait(f"new {victim}", lambda: self.restarted(victim, before), timeout_s)
        names = QUOTING if victim in (*QUOTING, *WITHOUT_ADMIN) else (victim, *QUOTING)
        self.wait(f"readiness after {victim}", lambda: self.ready(names), timeout_s)
        earlier = self.resting()
        self.wait("new orders on both sides", lambda: bool(self.resting() - earlier) and self.two_sided(), timeout_s)

    def resting(self) -> set[tuple[str, str]]:
        """Return our order ids at the venue, each with its price, so that an amended order differs."""
        return {(str(order["order_id"]), str(order["price"])) for order in self.open_orders()}

    def two_sided(self) -> bool:
        """Say whether some market has a YES bid and a NO bid of ours resting."""
        try:
            sides = {(order["market"], order["outcome"]) for order in self.open_orders() if "market" in order}
        except (httpx.HTTPError, TrialError):
            return False
        return any((market, "no") in sides for market, outcome in sides if outcome == "yes")

    def wait(self, what: str, condition: Callable[[], bool], timeout_s: float = 60.0) -> float:
        """Wait until something holds and return how long it took, in s; TrialError says what did not come."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > timeout_s:
                raise TrialError(f"no {what} within {timeout_s:.0f} s\n{self.last_words()}")
            time.sleep(POLL_S)
        return time.monotonic() - began

    def last_words(self) -> str:
        """Return what the quoter says of itself, and the last log lines of every process."""
        quoter = self.state("quoter")
        said = {name: quoter.get(name) for name in ("stage", "faults", "halts")}
        for account, told in quoter.get("accounts", {}).items():
            said[account] = {name: told.get(name) for name in ("rejections", "venue_refusals")}
        said["bots"] = [
            {name: bot[name] for name in ("symbol", "state", "reason", "position")} for bot in quoter.get("bots", [])
        ]
        logs = sorted((self.data_dir / "logs").glob("*.log"))
        tails = [f"--- {path.name}\n" + "\n".join(path.read_text().splitlines()[-6:]) for path in logs]
        return "\n".join([f"quoter: {json.dumps(said)}", *tails])

    # --- books --------------------------------------------------------------------------------------------------

    def venue_pages(self, path: str, field: str, account: str = ACCOUNT) -> list[dict[str, Any]]:
        """Return all rows of a paged listing of the venue; `path` may hold a query."""
        rows: list[dict[str, Any]] = []
        after, query = 0, path + ("&" if "?" in path else "?")
        while True:
            page = self.venue(f"{query}after={after}&limit=500", account)
            rows += page[field]
            if not page["has_more"] or not page[field]:
                return rows
            after = int(page["next_after"])

    def fills_at_venue(self) -> Counter[Execution]:
        """Return every execution of every account, as the venue tells it."""
        return Counter(
            Execution(account, row["trade_id"], row["client_order_id"], Decimal(row["size"]))
            for account in self.accounts
            for row in self.venue_pages("/fills", "fills", account)
        )

    def spot_fills_at_venue(self) -> int:
        """Return how many executions of spot symbols there have been."""
        return sum("symbol" in row for account in self.accounts for row in self.venue_pages("/fills", "fills", account))

    def fills_on_bus(self) -> Counter[Execution]:
        """Return the same of every Fill in the FILL stream, each id once."""
        return executions(asyncio.run(self._fills_on_bus()))

    async def _fills_on_bus(self) -> list[Fill]:
        client = await nats.connect(
            f"nats://127.0.0.1:{self.ports.nats}",
            user="risk",
            password=nats_password_file(self.data_dir, "risk").read_text().strip(),
            inbox_prefix="_INBOX_risk",
        )
        try:
            info = json.loads((await client.request(f"{JETSTREAM_API}.STREAM.INFO.FILL", b"")).data)
            fills: list[Fill] = []
            sequence = int(info["state"]["first_seq"])
            while sequence <= int(info["state"]["last_seq"]):
                question = json.dumps({"seq": sequence, "next_by_subj": "fill.trade.>"}).encode()
                answer = await client.request(f"{JETSTREAM_API}.DIRECT.GET.FILL", question)
                if not answer.headers or "Nats-Sequence" not in answer.headers:
                    break
                fills.append(decode(Fill, answer.data))
                sequence = int(answer.headers["Nats-Sequence"]) + 1
            return fills
        finally:
            await client.close()

    def cash_at_venue(self) -> Decimal:
        return Decimal(self.venue("/balance")["balance"]["cash"])

    def cash_in_ledger(self) -> Decimal | None:
        """Return the account's cash in risk's books; None before the account is known."""
        accounts = self.state("risk").get("accounts", {})
        cash = accounts.get(ACCOUNT, {}).get("USD")
        return None if cash is None else Decimal(cash)

    def money_at_venue(self, account: str = ACCOUNT) -> dict[str, Decimal]:
        """Return what an account has of each currency, by the venue's balances."""
        return {row["currency"]: Decimal(row["total"]) for row in self.venue("/balances", account)["balances"]}

    def money_by_statement(self, account: str = ACCOUNT) -> dict[str, Decimal]:
        """Return the same by its statements, entry by entry."""
        pages = {
            currency: self.venue_pages(f"/statement?currency={currency}", "entries", account)
            for currency in self.money_at_venue(account)
        }
        return {
            currency: sum((Decimal(row["amount"]) for row in rows), start=Decimal(0))
            for currency, rows in pages.items()
        }

    def money_in_ledger(self, account: str = ACCOUNT) -> dict[str, Decimal]:
        """Return the same by risk's books: cash, and coins in the lines of the bots that trade for the account."""
        state = self.state("risk")
        cash = {name: Decimal(text) for name, text in state.get("accounts", {}).get(account, {}).items()}
        bots = [bot for bot in state.get("bots", []) if self._account_of.get(bot["algo_id"], ACCOUNT) == account]
        lines = [line for bot in bots for line in bot["lines"] if "position" in line]
        return self.with_coins(cash, [(line["symbol"], line["position"]) for line in lines])

    def with_coins(self, cash: Mapping[str, Decimal], lots: Iterable[tuple[str, int]]) -> dict[str, Decimal]:
        """Return cash by currency with what lots of spot symbols are of it; lots of other markets count nothing."""
        money = dict(cash)
        symbols = {row["symbol"]: row for row in self.venue("/symbols")["symbols"]}
        for name, held in lots:
            symbol = symbols.get(name)
            if symbol is not None:
                base = symbol["base"]
                money[base] = money.get(base, Decimal(0)) + held * Decimal(symbol["lot"])
        return money

    def books_agree(self) -> list[str]:
        """Compare fills and money of the platform with the venue's, currency by currency; return the differences."""
        venue, bus = self.fills_at_venue(), self.fills_on_bus()
        faults = [f"lost: {key} x{count}" for key, count in (venue - bus).items()]
        faults += [f"doubled or invented: {key} x{count}" for key, count in (bus - venue).items()]
        for account in self.accounts:
            faults += self._money_apart(account)
        return faults

    def _money_apart(self, account: str) -> Iterator[str]:
        books = (self.money_in_ledger, self.money_at_venue, self.money_by_statement)
        ledger, venue, statement = (book(account) for book in books)
        for currency in sorted(ledger.keys() | venue.keys()):
            ours, theirs, told = (each.get(currency) for each in (ledger, venue, statement))
            if not ours == theirs == told:
                yield f"{account}, {currency}: ledger {ours}, venue {theirs}, its statement {told}"


def executions(fills: Iterable[Fill]) -> Counter[Execution]:
    """Return what fills say was executed.

    One that is repeated under its id counts once: a quoter whose confirmation was lost publishes it again, the broker
    knows an id for ten minutes only, and the ledger books it once. What one id says in two ways counts twice.
    """
    said = {
        (
            fill.message_id(),
            Execution(
                fill.account,
                fill.venue_trade_id,
                str(fill.order_id),
                quantity_of(fill.quantity_lots, fill.instrument.lot_size),
            ),
        )
        for fill in fills
    }
    return Counter(execution for _, execution in said)


def free_port_base() -> int:
    """Return a port base whose whole span is free and stays ours until this process ends.

    A platform that is stopped for a while has none of its ports bound: without a claim, a platform of another process
    would start among them. It is out of the way of outgoing connections.
    """
    for _ in range(PORT_DRAWS_MAX):
        base = free_port() // SPAN * SPAN
        if _claim(base) and all(can_bind(base + offset) for offset in range(SPAN)):
            return base
    raise TrialError("no free range of ports")


def _claim(base: int) -> bool:
    """Take a range of ports for this process, by a lock that the kernel gives back when it ends."""
    claims = Path(tempfile.gettempdir()) / f"mm-ports-{os.getuid()}"
    claims.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(claims / str(base), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    return True
