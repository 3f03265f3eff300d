"""The live page in a real browser, against the real application, fed by a story."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from common.clock import NS_PER_S, AnchoredClock
from common.core import Receipt
from common.events import (
    Adjustment,
    Balance,
    BotConfig,
    Distance,
    ExecutionStyle,
    FxRate,
    Halt,
    HedgeVenue,
    OrderCommand,
    RiskStatistics,
    SourcePrice,
    Statistics,
    TradingStatistics,
    TransferCommand,
    TransferState,
    TransferUpdate,
)
from common.instruments import InstrumentKind, Outcome, Side
from common.network.admin import serving
from common.network.webclient import WebClient
from common.orders import first_id_of
from common.testing.spot import BTCJPY
from fastapi import FastAPI
from gateway.api.app import build_app
from gateway.api.c2.asyncapi import document
from gateway.auth.passwords import Passwords
from gateway.auth.sessions import Sessions
from gateway.auth.throttle import Throttle
from gateway.changes.admin_ports import AdminPorts
from gateway.context import Context
from gateway.state.view import View
from gateway.testing.fakes import AdminPortsSeen, FakeBus, MemoryTokenStore
from gateway.testing.platform import SYMBOL, URLS, Story
from msgspec.structs import replace
from pydantic import SecretStr
from toolkit.checking.browser import NAMES, PACKAGE, find_browser
from toolkit.checking.not_run import not_run
from websockets.asyncio.client import ClientConnection, connect

PASSWORD = "correct horse battery"
WAIT_S = 30.0
POLL_S = 0.05


class Tab:
    """One tab of a headless browser, driven over its own debugging socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        """What the browser logged as an error, refused by policy or threw."""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message: dict[str, Any] = json.loads(await self._socket.recv())
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"]))
        if message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])

    async def open(self, url: str, width: int = 1500, height: int = 1000) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.call("Page.navigate", url=url)

    async def value(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true in the page; fails with what the page shows instead."""
        guarded = f"(() => {{ try {{ return !!({expression}) }} catch {{ return false }} }})()"
        try:
            async with asyncio.timeout(WAIT_S):
                while not await self.value(guarded):  # noqa: ASYNC110 - the page is another process
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            shown = await self.value("document.body.innerText")
            raise AssertionError(f"never true: {expression}\n{self.complaints}\n{shown}") from None

    async def log_in(self, user: str = "admin") -> None:
        await self.until("document.getElementById('login').hidden === false")
        await self.value(
            f"document.getElementById('login-user').value = {user!r};"
            f"document.getElementById('login-password').value = {PASSWORD!r};"
            "document.querySelector('#login-form button').click()"
        )
        await self.until("document.getElementById('app').hidden === false")

    async def keep_screenshot(self, name: str) -> None:
        """Leave a picture of the page for people where SCREENSHOTS names a folder."""
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            shot = await self.call("Page.captureScreenshot", format="png")
            (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    async def text(self, selector: str) -> str:
        return str(await self.value(f"document.querySelector({selector!r}).innerText"))


@asynccontextmanager
async def browser_tab() -> AsyncIterator[Tab]:
    """Start a browser with an empty profile and yield its tab; ends with both gone."""
    program = find_browser()
    if program is None:
        not_run(f"one of {', '.join(NAMES)} (apt-get install {PACKAGE} as root)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port = await _debugging_port(Path(profile) / "DevToolsActivePort")
            async with httpx.AsyncClient(trust_env=False) as client:
                tabs = (await client.get(f"http://127.0.0.1:{port}/json/list")).json()
            address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with connect(address, max_size=None, compression=None, proxy=None) as socket:
                yield Tab(socket)
        finally:
            os.killpg(process.pid, 9)
            await process.wait()


async def _debugging_port(path: Path) -> int:
    async with asyncio.timeout(WAIT_S):
        while not (path.exists() and path.read_text()):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(POLL_S)
    return int(path.read_text().split()[0])


class Served:
    """The application on a port of its own, with its story."""

    def __init__(self, passwords: Passwords) -> None:
        clock = AnchoredClock()
        self.story = Story(View(admin_urls=URLS, quoted_venues=["degen"]), clock)
        self.bus, self.ports, store = FakeBus(), AdminPortsSeen(), MemoryTokenStore(clock)
        client = WebClient(transport=lambda: httpx.MockTransport(self.ports.handle))
        self.context = Context(
            view=self.story.view,
            clock=clock,
            sessions=Sessions(store, clock, self.story.view.users),
            throttle=Throttle(store),
            passwords=passwords,
            admin_ports=AdminPorts(URLS, SecretStr("admin-port-token"), client),
            bus=self.bus,
            past=self.bus.past,
        )
        self.app: FastAPI = build_app(self.context)
        self.url = ""


@pytest_asyncio.fixture
async def served(passwords: Passwords) -> AsyncIterator[Served]:
    served = Served(passwords)
    for name, role in (("admin", "admin"), ("vera", "viewer")):
        served.story.user(name, role, password_hash=await passwords.hash(PASSWORD))
    served.story.quoting()
    # The browser's clock is the real one, so the market lives now.
    minute_ns = 60 * NS_PER_S
    now_ns = served.story.now_ns
    served.story.market(open_ns=now_ns - minute_ns, expiry_ns=now_ns + 4 * minute_ns)
    async with serving(served.app, "127.0.0.1", 0) as port:
        served.url = f"http://127.0.0.1:{port}"
        yield served
        # A page still follows the stream; the core's stop lets it go, as in a real shutdown.
        list(served.story.view.stop(Receipt(served.story.now_ns)))


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


async def test_the_page_shows_fair_value_quotes_inventory_and_profit(served: Served) -> None:
    story = served.story
    story.statistics(12.5, 1.2, 13.7)
    story.fill("9", 46, 40)
    story.alert("bot 1 has lost 512.40 of 1000 today")
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        card = f"article[data-symbol='{SYMBOL}']"
        await tab.until(f"document.querySelector(`{card}`)")
        assert await tab.text(f"{card} [data-is=fair]") == "0.520"
        assert numbers(await tab.text(f"{card} [data-is=quote]")) == [0.50, 0.54]
        ladder = (await tab.text(f"{card} [data-is=ladder]")).split()
        assert ladder == ["0.55", "100", "0.54", "100", "0.520", "100", "0.50", "100", "0.49"]
        holding = await tab.text(f"{card} [data-is=holding]")
        assert "YES 120" in holding
        assert "NO 100" in holding
        assert "net +20" in holding
        # 120 * 0.52 + 100 * 0.48 - 109.20
        assert "+1.20" in holding
        assert re.fullmatch(r"[0-3]:[0-5]\d left", await tab.text(f"{card} [data-is=left]"))
        assert "+13.70" in await tab.text("#bots")
        assert "+13.70" in await tab.text("#figures")
        assert "0.46" in await tab.text("#fills")
        assert "512.40" in await tab.text("#alerts")
        await tab.until(
            f"(() => {{ const c = document.querySelector(`{card} canvas`);"
            "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((byte) => byte) })()"
        )
        assert tab.complaints == []


async def test_a_spot_bots_figures_hedges_and_balances_are_shown_and_what_is_unknown_says_why(served: Served) -> None:
    story, zero = served.story, Decimal(0)
    view, now_ns = story.view, story.now_ns
    config = {"algo_id": "3", "kind": "spot", "revision": 1, "running": True, "sections": BTCJPY}
    story.tell(view.on_bot, BotConfig(actor="x", ts_ns=now_ns, **config))  # type: ignore[arg-type]
    story.statistics(12.5, 1.2, 13.7)
    told = Statistics(scope="bot-3", figures={"fills": 2.0}, ts_ns=now_ns)
    story.tell(view.on_statistics, told)
    position = story.position(0, 0, "0", sequence=2)
    story.tell(view.on_position, replace(position, algo_id="3", lines=[], unrated=["JPY"]))
    fx = FxRate(symbol="USDJPY", bid=149.29, ask=149.31, bid_venue="k", ask_venue="k", inverse=False, age_ns=0)
    price: dict[str, Any] = {"algo_id": "3", "venue": "dltxmm_spot", "symbol": "BTCJPY", "age_ns": 0, "fx": fx}
    story.tell(view.on_fair, SourcePrice(bid=8_966_252.0, ask=8_972_603.0, ts_received_ns=now_ns, **price))
    nets = {"quoter_net_qty": Decimal("0.0481"), "hedger_net_qty": Decimal("-0.03")}
    figures = {"position_cost": zero, "position_market_price": None, "pnl": Decimal("1911.2"), "fees": Decimal("206.2")}
    quantities = [f"{name}_qty" for name in ("open_buy", "open_sell", "quoter_bot", "quoter_sld")]
    quantities += ["hedger_bot_qty", "hedger_sld_qty"]
    known: dict[str, Any] = {**nets, **figures, **dict.fromkeys(quantities, zero)}
    known |= {"current_position_size": Decimal("0.0181"), "net_pnl": Decimal(1705), "account_pnl": None}
    known |= {"term_currency": "JPY", "account_currency": "USD", "ledger_sequence": 1}
    story.tell(view.on_figures, TradingStatistics(algo_id="3", start_ns=1, ts_ns=now_ns, **known))
    parent: dict[str, Any] = {"scope": "bot-3", "account": "mm1-kraken", "ledger_sequence": 1, "instrument": "BTCUSD"}
    parent |= {"venues": [HedgeVenue("mm1-kraken", "kraken_spot", "BTCUSD")], "style": ExecutionStyle.LEAN}
    parent |= {"max_offset": Distance(Decimal(20), in_bps=True), "resend_ms": 1_000, "config_revision": 1}
    parent |= {"side": Side.SELL, "quantity": Decimal("0.027"), "expires_at_ns": now_ns, "ts_ns": now_ns}
    story.tell(view.on_hedge, OrderCommand(revision=1, reason="0.032 BTC, from beyond 0.03 to 0.005", **parent))
    account = story.account()
    coins = Balance(currency="BTC", total=Decimal("2.5"), available=Decimal("2.4"))
    story.tell(view.on_account, replace(account, others=[coins]))
    exposure: dict[str, Any] = {
        "open_buy_qty": None,
        "open_sell_qty": None,
        "current_position_size": Decimal("-0.0069"),
    }
    told_of = {"currency_id": "1", "currency": "BTC", "ledger_sequence": 1, "ts_ns": now_ns}
    story.tell(view.on_exposure, RiskStatistics(**told_of, **exposure))  # type: ignore[arg-type]
    place = {"algo_id": "3", "account": "mm1-dltxmm", "venue": "dltxmm_spot", "fair": 8_969_428.0}
    terms: dict[str, Any] = {"kind": InstrumentKind.SPOT, "base": "BTC", "currency": "JPY", "tick_size": Decimal(1)}
    terms |= {"lot_size": Decimal("0.0001"), "strike": None, "open_ns": 0, "expiry_ns": 0, "series": ""}
    story.market("BTCJPY", venue="dltxmm_spot", **terms)
    story.target([(8_962_666, 40)], [(8_976_193, 40)], "BTCJPY", **place)
    made = story.fill("9", 60_000, 250)
    coin: dict[str, Any] = {"kind": InstrumentKind.SPOT, "outcome": Outcome.NONE, "base": "BTC", "symbol": "BTCUSD"}
    coin |= {"venue": "binance_spot", "tick_size": Decimal(1), "lot_size": Decimal("0.0001")}
    taken = replace(made, algo_id="3", venue_trade_id="10", instrument=replace(made.instrument, **coin))
    story.tell(view.on_fill, replace(taken, fee=Decimal("0.0000285"), fee_currency="BNB"))
    async with browser_tab() as tab:
        await tab.open(served.url, height=1600)
        await tab.log_in()
        await tab.until("!document.getElementById('spot-panel').hidden")
        fill = (await tab.text("#fills tbody tr")).split("\t")
        assert fill[1:] == ["BTCUSD", "buy 60000", "0.025", "-0.0000285 BNB"]
        assert "BTCUSD at binance_spot, bot 3" in await tab.value(
            "document.querySelector('#fills tbody td[title]').title"
        )
        names = await tab.value("[...document.querySelectorAll('[data-is=name]')].map((each) => each.textContent)")
        assert "BTCJPY at dltxmm_spot" in names
        row = (await tab.text("#spot tbody tr")).split("\t")
        assert row[:3] == ["3", "BTCJPY 8,966,252 / 8,972,603", "USDJPY 149.29 / 149.31"]
        assert row[3:] == ["0.0481", "-0.03", "0.0181", "1,911.2", "206.2", "1,705", "JPY"]
        title = "document.querySelector('#spot tbody td:nth-last-child(2)').title"
        assert await tab.value(title) == "no rate of JPY to USD"
        hedge = (await tab.text("#hedges tbody tr")).split("\t")
        assert hedge[:4] == ["bot-3", "sent", "sell 0.027 BTCUSD LEAN", "kraken_spot"]
        assert hedge[-1] == "0.032 BTC, from beyond 0.03 to 0.005"
        balances = (await tab.text("#balances tbody")).split("\n")
        assert balances == ["mm1 @ degen\t2.5\t99,812.4", "BTC exposure over all\t-0.0069\t"]
        opened = "document.querySelector('#balances tbody tr:last-child').title"
        assert await tab.value(opened) == "open orders: – to buy, – to sell"
        tile = "#figures div:first-child"
        assert (await tab.text(tile)).split("\n") == ["P&L today", "–", "unknown of 3"]
        why = f"document.querySelector('{tile}').title"
        assert await tab.value(why) == "bot 3: no rate of JPY to the account's currency"
        await tab.keep_screenshot("spot")
        assert tab.complaints == []


async def test_a_number_that_grew_old_is_grey_and_says_its_age(served: Served) -> None:
    story = served.story
    story.fair(0.61, age_ns=9_000_000_000)
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        await tab.until("document.querySelector('article [data-is=fair]').textContent === '0.610'")
        await tab.until("document.querySelector('article [data-is=fair]').classList.contains('stale')")
        assert "old" in await tab.text("article [data-is=fair-age]")


async def test_a_bot_of_many_series_leaves_the_other_column_its_place(served: Served) -> None:
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        await tab.until("document.querySelectorAll('#bots tbody tr').length === 1")
        widest, aside = await tab.value(
            "(() => { document.querySelector('#bots tbody td:nth-child(3)').textContent = 'BTC-5M '.repeat(40);"
            "const edges = (what) => [...document.querySelectorAll(what)].map((each) => each.getBoundingClientRect());"
            "return [Math.max(...edges('.wide > *').map((each) => each.right)), edges('aside')[0].left] })()"
        )
        assert widest <= aside


async def test_halt_is_confirmed_then_called_shown_and_lifted(served: Served) -> None:
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        await tab.until("document.querySelectorAll('article').length === 1")
        await tab.value("document.getElementById('halt').click()")
        await tab.until("document.getElementById('confirm').open")
        assert served.bus.of(Halt) == [], "nothing happens before the confirmation"
        assert "Cancels all orders in the scope" in await tab.text("#confirm")
        await tab.keep_screenshot("halt-dialog")
        await tab.value(
            "document.getElementById('confirm-scope').value = 'bot-1'; document.getElementById('confirm-yes').click()"
        )
        await tab.until("document.getElementById('halts').innerText.includes('bot-1')")
        await tab.until("document.getElementById('toasts').innerText.includes('6 cancelled, 0 of 6 left, confirmed')")
        said = "bot-1:manual, account mm1: 6 cancelled, 0 of 6 left, confirmed by the venue at 14:02:03 UTC"
        served.story.emptied(said)
        await tab.until("document.getElementById('halts').innerText.includes('mm1: 6 cancelled, 0 of 6 left')")
        await tab.keep_screenshot("halted")
        await tab.until("document.querySelector('article [data-is=state]').textContent === 'halted'")
        await tab.value("document.querySelector('#halts button').click()")
        await tab.until("document.getElementById('confirm').open")
        await tab.value("document.getElementById('confirm-yes').click()")
        await tab.until("document.getElementById('halts').hidden")
        assert [(halt.scope, halt.lifted, halt.actor) for halt in served.bus.of(Halt)] == [
            ("bot-1", False, "admin"),
            ("bot-1", True, "admin"),
        ]
        assert tab.complaints == []


async def test_r13_the_other_choice_of_the_dialog_keeps_what_rests(served: Served) -> None:
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        await tab.until("document.querySelectorAll('article').length === 1")
        await tab.value("document.getElementById('halt').click()")
        await tab.until("document.getElementById('confirm').open")
        choices = "[...document.getElementById('confirm-orders').options].map((each) => each.value)"
        assert await tab.value(choices) == [
            "cancel all orders in scope, then block new ones",
            "block new orders only, keep resting orders",
        ]
        await tab.value(
            "document.getElementById('confirm-orders').selectedIndex = 1;document.getElementById('confirm-yes').click()"
        )
        await tab.until("document.getElementById('halts').innerText.includes('keeps resting orders')")
        assert [halt.keep_resting for halt in served.bus.of(Halt)] == [True]
        assert tab.complaints == []


async def test_r9_a_reason_of_another_form_is_marked_in_the_dialog_which_stays_open(served: Served) -> None:
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        await tab.until("document.querySelectorAll('article').length === 1")
        await tab.value("document.getElementById('halt').click()")
        await tab.until("document.getElementById('confirm').open")
        for wrong in ("Bad Reason", "", "a.b"):
            await tab.value(
                f"document.getElementById('confirm-reason').value = {wrong!r};"
                "document.getElementById('confirm-yes').click()"
            )
            assert await tab.value("document.getElementById('confirm').open") is True
            assert await tab.value("document.querySelector('#confirm-reason:invalid') !== null") is True
        assert served.bus.of(Halt) == []
        await tab.value(
            "document.getElementById('confirm-reason').value = ' look-1 ';"
            "document.getElementById('confirm-yes').click()"
        )
        await tab.until("!document.getElementById('confirm').open")
        await tab.until("document.getElementById('halts').innerText.includes('look-1')")
        assert [halt.reason for halt in served.bus.of(Halt)] == ["look-1"]
        assert tab.complaints == []


async def test_r51_a_silent_quoters_orders_are_unknown_and_the_watchdogs_report_is_shown(served: Served) -> None:
    served.story.account()
    served.story.lease(holder="")
    list(served.story.view.on_doubt_due(Receipt(served.story.now_ns)))
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        await tab.until("document.getElementById('venues').innerText.includes('its orders are of unknown outcome')")
        assert "unknown" in await tab.text("#figures")
        below = first_id_of(4)
        said = f"ids-below:{below}, account mm1: 4 cancelled, 0 of 4 left, confirmed by the venue at 14:02:03 UTC"
        served.story.emptied(said, "watchdog")
        await tab.until("document.getElementById('venues').innerText.includes('4 cancelled, 0 of 4 left')")
        await tab.until("!document.getElementById('figures').innerText.includes('unknown')")
        assert tab.complaints == []


async def test_cancel_all_reaches_the_quoter_only_after_the_confirmation(served: Served) -> None:
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        for button in ("confirm-no", "confirm-yes"):
            await tab.value("document.getElementById('cancel-all').click()")
            await tab.until("document.getElementById('confirm').open")
            await tab.value(f"document.getElementById('{button}').click()")
        await tab.until("document.getElementById('toasts').innerText.includes('Cancel all')")
        assert served.ports.sent() == [("quoter.test", "/cancel-all")]


async def test_r81_one_proposes_a_correction_on_the_page_and_another_approves_it(
    served: Served, passwords: Passwords
) -> None:
    for name in ("rita", "rolf"):
        served.story.user(name, "risk", password_hash=await passwords.hash(PASSWORD))
    served.story.account()
    shown = "document.getElementById('adjustments').innerText"
    acts = "[...document.querySelectorAll('#adjustments button')].map((each) => each.dataset.act)"
    async with browser_tab() as tab:

        async def press(selector: str) -> None:
            await tab.value(f"document.querySelector({selector!r}).click()")
            await tab.until("document.getElementById('confirm').open")

        async def propose(cash: str, reason: str) -> None:
            await tab.value(
                f"document.getElementById('confirm-cash').value = {cash!r};"
                f"document.getElementById('confirm-reason').value = {reason!r};"
                "document.getElementById('confirm-yes').click()"
            )

        async def become(user: str) -> None:
            await tab.value("document.getElementById('logout').click()")
            await tab.log_in(user)
            # Until the first picture the page shows what it showed before.
            await tab.until(f"JSON.parse(document.getElementById('adjustments').dataset.shown)[1] === {user!r}")
            assert "-12.50" in await tab.text("#adjustments")

        await tab.open(served.url)
        await tab.log_in("rolf")
        await tab.until(f"{shown} === 'none'")
        await press("#propose")
        await propose("nothing", "a fee the venue took")
        await tab.until("document.getElementById('confirm-text').textContent.includes('cash: ')")
        assert await tab.value("document.getElementById('confirm-reason').value") == "a fee the venue took"
        assert served.bus.of(Adjustment) == []
        await tab.keep_screenshot("correction-dialog")
        await propose("-12.50", "a fee the venue took")
        await tab.until(f"{shown}.includes(`mm1: -12.50 USD, the account's books (a fee the venue took)`)")
        assert await tab.value(acts) == ["reject"], "who proposes may take it back and not approve it"

        await become("vera")
        assert await tab.value(acts) == []
        assert await tab.value("document.getElementById('propose').hidden")

        await become("rita")
        assert await tab.value(acts) == ["approve", "reject"]
        await tab.keep_screenshot("correction-proposed")
        await press("#adjustments [data-act=approve]")
        said = await tab.text("#confirm-text")
        assert "-12.50 USD" in said
        assert "Proposed by rolf" in said
        assert len(served.bus.of(Adjustment)) == 1, "nothing happens before the confirmation"
        await tab.value("document.getElementById('confirm-yes').click()")
        await tab.until(f"{shown}.includes('approved by rita')")
        assert await tab.value(acts) == []
        assert [(each.state.value, each.decided_by) for each in served.bus.of(Adjustment)] == [
            ("proposed", ""),
            ("approved", "rita"),
        ]
        await press("#propose")
        await propose("3", "<b>a transfer</b>")
        await tab.until(f"{shown}.includes('<b>a transfer</b>')")
        await press("#adjustments [data-act=reject]")
        assert await tab.text("#confirm-yes") == "Withdraw"
        await tab.value("document.getElementById('confirm-yes').click()")
        await tab.until(f"{shown}.includes('rejected by rita')")
        await tab.keep_screenshot("correction-decided")
        assert all("422" in each for each in tab.complaints), "one refusal, and nothing else"


async def test_money_is_sent_from_the_page_once_and_its_way_is_shown(served: Served, passwords: Passwords) -> None:
    story = served.story
    story.user("tess", "trader", password_hash=await passwords.hash(PASSWORD))
    for account, venue, free in (
        ("mm1-kraken", "kraken_spot", "2.00000000"),
        ("mm1-dltxmm", "dltxmm_spot", "0.10000000"),
    ):
        coins = Balance(currency="BTC", total=Decimal(free), available=Decimal(free))
        state = replace(story.account(), account=account, venue=venue, others=[coins])
        story.tell(story.view.on_account, state)
    shown = "document.getElementById('transfers').innerText"
    async with browser_tab() as tab:

        async def fill_in(amount: str) -> None:
            values = {"account": "mm1-kraken", "to_account": "mm1-dltxmm", "currency": "BTC", "reason": "<b>funds</b>"}
            for name, value in (values | {"amount": amount}).items():
                await tab.value(f"document.getElementById('confirm-{name}').value = {value!r}")
            await tab.value("document.getElementById('confirm-yes').click()")

        await tab.open(served.url)
        await tab.log_in("tess")
        await tab.until("!document.getElementById('transfers-panel').hidden")
        await tab.value("document.getElementById('transfer').click()")
        await tab.until("document.getElementById('confirm').open")
        await fill_in("3")
        await tab.until("document.getElementById('confirm-text').textContent.includes('amount: must be at most')")
        assert served.bus.of(TransferCommand) == []
        await fill_in("0.5")
        await tab.until(f"{shown}.includes('asked')")
        assert "tess: <b>funds</b>" in await tab.text("#transfers")
        (command,) = served.bus.of(TransferCommand)
        assert (command.account, command.to_account, command.amount) == ("mm1-kraken", "mm1-dltxmm", Decimal("0.5"))
        said: dict[str, Any] = {"account": command.account, "number": command.number, "epoch": 3, "ts_ns": 1}
        story.tell(
            story.view.transfers.on_update,
            TransferUpdate(**said, update_sequence=1, state=TransferState.REFUSED, reason="0.5 BTC needed"),
        )
        await tab.until(f"{shown}.includes('refused')")
        assert "0.5 BTC needed" in await tab.text("#transfers")
        await tab.keep_screenshot("transfers")


async def test_a_viewer_sees_everything_and_finds_no_button(served: Served) -> None:
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in("vera")
        await tab.until("document.querySelectorAll('article').length === 1")
        assert await tab.value("document.getElementById('halt').hidden && document.getElementById('cancel-all').hidden")
        assert await tab.value("document.querySelectorAll('#bots button').length") == 0


async def test_text_from_venues_is_never_taken_for_markup(served: Served) -> None:
    served.story.alert("<img src=x onerror=document.title='owned'>")
    served.story.market(SYMBOL, title="<b>bold</b>", underlying="<i>BTC</i>")
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        await tab.until("document.getElementById('alerts').innerText.includes('onerror')")
        assert await tab.value("document.querySelectorAll('#alerts img, article h3 i').length") == 0
        assert await tab.value("document.title") == "PAPER · REPLAY – Market maker"


async def test_the_token_is_in_no_address_and_a_reload_stays_logged_in(served: Served) -> None:
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.log_in()
        await tab.until("document.querySelectorAll('article').length === 1")
        token = await tab.value("JSON.parse(sessionStorage.getItem('gateway-session')).access")
        addresses = await tab.value(
            "[location.href, ...performance.getEntriesByType('resource').map((each) => each.name)]"
        )
        assert len(addresses) > 3
        assert not [address for address in addresses if token in address]
        await tab.call("Page.reload")
        await tab.until("document.querySelectorAll('article').length === 1")


async def test_a_wrong_password_is_refused_in_words_on_the_page(served: Served) -> None:
    async with browser_tab() as tab:
        await tab.open(served.url)
        await tab.until("document.getElementById('login').hidden === false")
        await tab.value(
            "document.getElementById('login-password').value = 'wrong password';"
            "document.querySelector('#login-form button').click()"
        )
        await tab.until("document.getElementById('login-error').textContent.includes('wrong')")
        assert await tab.value("document.getElementById('app').hidden")


async def test_the_api_pages_show_every_route_and_topic(served: Served) -> None:
    async with browser_tab() as tab:
        await tab.open(f"{served.url}/api/docs")
        await tab.until("document.getElementById('topic-responses')")
        paths = served.app.openapi()["paths"]
        shown = await tab.value("[...document.querySelectorAll('details code')].map((each) => each.textContent)")
        topics = [channel["address"] for channel in document()["channels"].values()]
        assert sorted(set(shown)) == sorted([*paths, *topics])
        texts = await tab.value("[...document.querySelectorAll('details')].map((each) => each.textContent)")
        assert any("Array of TradingStatistics" in text and "open_buy_qty" in text for text in texts)
        assert tab.complaints == []
