"""Show what runs, what each bot quotes and holds, and what is halted: from the gateway, else from the services."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.provenance import UNKNOWN, Provenance, provenance
from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolkit.instance import Running, find_running
from toolkit.operating.gateway_client import NoAnswerError, PlatformClient
from toolkit.platform.screen import STATE_COLOURS, WAY_ON, duration
from toolkit.ports import Ports

# What `mm status --json` says of a bot; a value nobody can tell now is null.
BOT_FIELDS = ("algo_id", "symbol", "state", "bids", "asks", "position", "position_yes", "position_no", "pnl")

# The state of a service whose admin port does not answer.
SILENT = "silent"

# The state of a process that the supervisor's record says runs, and which is not there.
GONE = "gone"

PROGRAM_FIELDS = ("state", "pid", "restarts")


def status(data_dir: Path, fallback_ports: Ports, client: PlatformClient) -> dict[str, Any]:
    """Return {"provenance", "services": {name: {...}}, "bots": [...], "halts": [...], "streams": [...]}.

    Whoever answers, gateway or the services themselves, the shapes are the same; what nobody can tell is null.
    """
    running = find_running(data_dir)
    ports = running.ports if running is not None else fallback_ports
    supervised = supervised_services(running)
    try:
        url = f"http://127.0.0.1:{ports.gateway}"
        told = client.get(f"{url}/api/status", client.login(url))
        return compose(supervised, told if isinstance(told, dict) else {})
    except NoAnswerError:
        return compose(supervised, from_states(_admin_states(ports, client)))


def supervised_services(running: Running | None) -> dict[str, dict[str, Any]]:
    """Return what the supervisor knows of each process; none runs when there is no supervisor."""
    if running is None:
        return {}
    # One monotonic clock serves all processes of a machine.
    now_s = time.monotonic()
    living = running.living_children()
    found = {}
    for name, row in running.children.items():
        known = {field: row[field] for field in PROGRAM_FIELDS}
        if words := row.get("words"):
            known["words"] = words
        if row["pid"] and name not in living:
            # A record that could not be renewed is no sign of life.
            known |= {"state": GONE, "pid": None}
        uptime_s = round(now_s - row["started_monotonic_s"], 1) if known["pid"] else 0.0
        found[name] = known | {"uptime_s": uptime_s}
    return found


def compose(supervised: Mapping[str, Mapping[str, Any]], told: Mapping[str, Any]) -> dict[str, Any]:
    """Join what the supervisor sees with what the platform tells of itself; who is dead cannot tell.

    A process that the supervisor says is gone keeps that state, whatever was last heard of it.
    """
    heard = told.get("services", {})
    services = {}
    for name in [*supervised, *(name for name in heard if name not in supervised)]:
        row = {"state": "unknown", "age_ms": None, **heard.get(name, {})}
        seen = dict(supervised.get(name, {}))
        if seen and seen["pid"] is not None and heard.get(name, {}).get("state", SILENT) != SILENT:
            seen.pop("state")
        services[name] = row | seen
    bots = [{field: bot.get(field) for field in BOT_FIELDS} | dict(bot) for bot in told.get("bots", [])]
    return {
        "provenance": told.get("provenance") or provenance([], []),
        "services": services,
        "bots": bots,
        "halts": list(told.get("halts", [])),
        "accounts": list(told.get("accounts", [])),
        "streams": list(told.get("streams", [])),
    }


def from_states(states: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return the same picture from the services' own /state: the quoter knows the quotes, risk knows the halts."""
    services = {
        name: {"state": SILENT, "age_ms": None}
        if state is None
        else {field: state[field] for field in ("state", "age_ms") if field in state}
        for name, state in states.items()
    }
    halts: list[Any] = []
    for name in ("quoter", "risk"):
        halts = (states.get(name) or {}).get("halts", halts)
    bots = [_as_the_gateway_says(bot) for bot in (states.get("quoter") or {}).get("bots", [])]
    accounts = _watched(states.get("watchdog") or {})
    return {
        "provenance": provenance_in(states),
        "services": services,
        "bots": bots,
        "halts": [_named(halt) for halt in halts],
        "accounts": accounts,
    }


def provenance_in(states: Mapping[str, Mapping[str, Any] | None]) -> Provenance:
    """Return whether money and prices are real: the quoter names its venues, the feed what they say."""
    accounts = (states.get("quoter") or {}).get("accounts", {})
    venues = (states.get("feed") or {}).get("venues", {})
    told = [venues.get(venue, {}) for venue in sorted({account.get("venue", "") for account in accounts.values()})]
    prices = {source for venue in told for source in venue.get("price_sources", {}).values()}
    return provenance([venue.get("money", UNKNOWN) for venue in told], prices)


def provenance_now(ports: Ports, client: PlatformClient) -> Provenance:
    """Ask the services whether money and prices are real."""
    return provenance_in(_admin_states(ports, client))


def _as_the_gateway_says(bot: Mapping[str, Any]) -> dict[str, Any]:
    """Return a quoter's row in the gateway's shape: the position as a number, YES and NO beside it."""
    held = bot.get("position")
    if not isinstance(held, Mapping):
        return dict(bot)
    parts = {"position": held.get("net"), "position_yes": held.get("yes"), "position_no": held.get("no")}
    return {**bot, **parts}


def _named(halt: Any) -> Any:
    """Return a halt as the gateway tells it; services write 'scope:reason'."""
    scope, colon, reason = halt.partition(":") if isinstance(halt, str) else ("", "", "")
    return {"scope": scope, "reason": reason} if colon else halt


def _watched(watchdog: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how the watchdog sees the quoter of each account, in the gateway's words."""
    return [
        {
            "account": account,
            "quoter_silent_ms": None if told["lease"]["alive"] else told["lease"]["silent_ms"],
            "report": {"said": told["report"]} if told.get("report") else None,
        }
        for account, told in watchdog.get("accounts", {}).items()
        if told.get("lease")
    ]


def show(picture: Mapping[str, Any], console: Console) -> None:
    """Print the picture for a person."""
    services = Table("service", "state", "age", "uptime", "restarts", box=None, pad_edge=False)
    for name, row in picture["services"].items():
        age = "" if row.get("age_ms") is None else f"{row['age_ms']:.0f} ms"
        uptime = duration(row["uptime_s"]) if row.get("uptime_s") else ""
        state = str(row["state"])
        services.add_row(name, Text(state, STATE_COLOURS.get(state, "")), age, uptime, str(row.get("restarts", "")))
    silent = all(row["state"] == SILENT for row in picture["services"].values())
    if silent:
        console.print("no platform runs here")
    else:
        console.print(Text(picture["provenance"]["label"], "bold"))
        console.print(services)
        for name, row in picture["services"].items():
            if words := row.get("words"):
                console.print(Text(f"{name}: {words}; {WAY_ON}", "red"), soft_wrap=True)
    if picture["bots"]:
        bots = Table("bot", box=None, pad_edge=False)
        bots.add_column("symbol", no_wrap=True, overflow="ignore")
        for column in ("state", "bid", "ask", "position", "P&L", "why not"):
            bots.add_column(column)
        for bot in picture["bots"]:
            doing = None if bot["state"] is None else str(bot["state"]).replace("_", " ")
            shown = [bot["algo_id"], bot["symbol"], doing, _best(bot["bids"], bot), _best(bot["asks"], bot)]
            shown += [held(bot), _earned(bot), bot.get("reason") or ""]
            bots.add_row(*(Text(_text(value)) for value in shown))
        console.print(bots)
    for stream in picture["streams"]:
        if stream.get("alarming"):
            console.print(Text(f"{stream['stream']} is {stream['share']:.0%} full: see ./mm streams list", "red"))
    for halt in picture["halts"]:
        console.print(Text(f"HALT {_halt_text(halt)}", "red"))
    for account in picture["accounts"]:
        for line in _account_lines(account):
            console.print(Text(line, "red"), soft_wrap=True)


def _admin_states(ports: Ports, client: PlatformClient) -> dict[str, dict[str, Any] | None]:
    admin_ports = {
        "feed": ports.feed_admin,
        "pricer": ports.pricer_admin,
        "quoter": ports.quoter_admin,
        "risk": ports.risk_admin,
        "watchdog": ports.watchdog_admin,
        "gateway": ports.gateway_admin,
    }
    with ThreadPoolExecutor(len(admin_ports)) as pool:
        asked = {name: pool.submit(_state, client, port) for name, port in admin_ports.items()}
    return {name: answer.result() for name, answer in asked.items()}


def _state(client: PlatformClient, port: int, clock: Callable[[], float] = time.monotonic) -> dict[str, Any] | None:
    asked_s = clock()
    try:
        answer = client.get(f"http://127.0.0.1:{port}/state", client.admin_token())
    except NoAnswerError:
        return None
    return {"age_ms": round((clock() - asked_s) * 1e3), **answer} if isinstance(answer, dict) else None


def _best(levels: Any, bot: Mapping[str, Any]) -> str:
    return f"{levels[0][0]} × {_amount(levels[0][1], bot)}" if levels else "–"


def _amount(lots: Any, bot: Mapping[str, Any], form: str = "") -> str:
    """Return lots as a person reads them: of a coin units of it with its name, '0.0054 BTC', else as they are."""
    lot, base = bot.get("lot"), bot.get("base")
    return f"{lots * Decimal(str(lot)):{form}f} {base}" if lot and base else f"{lots:{form}}"


def held(bot: Mapping[str, Any]) -> str | None:
    """Return a position as a person reads it: '+70 (105 YES, 35 NO)', '0' for none, None when nobody knows.

    Of a coin it is in units: '+0.0054 BTC'.
    """
    net, yes, no = (bot.get(name) for name in ("position", "position_yes", "position_no"))
    if net is None:
        return None
    if yes or no:
        return f"{net:+d} ({yes} YES, {no} NO)"
    return _amount(net, bot, "+") if net else "0"


def _earned(bot: Mapping[str, Any]) -> str | None:
    """Return the profit on what is held; of something that nobody prices it is unknown, not nothing."""
    earned = _money(bot["pnl"])
    return "unknown" if earned is None and bot.get("position") else earned


def _money(value: Any) -> str | None:
    try:
        return f"{float(value):+.2f}"
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    return "–" if value is None else str(value)


def _halt_text(halt: Any) -> str:
    """Return a halt, and what the accounts have made of it."""
    if not isinstance(halt, dict):
        return str(halt)
    said = [f"account {row.get('account')}: {row.get('said')}" for row in halt.get("accounts", [])]
    if halt.get("keep_resting"):
        said.insert(0, "keeps resting orders")
    return "; ".join([f"{halt.get('scope')} ({halt.get('reason')})", *said])


def _account_lines(account: Mapping[str, Any]) -> list[str]:
    """Say of an account whose quoter is silent what its watchdog has reported."""
    silent_ms = account.get("quoter_silent_ms")
    if silent_ms is None:
        return []
    said = (account.get("report") or {}).get("said", "nothing reported yet, its orders are of unknown outcome")
    return [f"QUOTER of {account.get('account')} silent for {silent_ms / 1000:.1f} s; watchdog: {said}"]
