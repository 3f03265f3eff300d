"""Let a platform go on that stands still for its stores: show what changed and what is proven, then say so by name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common.halts import STORE_CHANGED
from rich.console import Console

from toolkit.keys.keyring import Keyring
from toolkit.operating.gateway_client import NoAnswerError, PlatformClient, RefusedError
from toolkit.ports import Ports
from toolkit.servers import streams

SERVICES = ("feed", "pricer", "quoter", "watchdog", "risk", "gateway")
FOLLOW_S_MAX = 60.0
"""How long services may take to begin anew with a new generation."""
AGREE_S_MAX = 45.0
"""How long the books may take to be compared with the venue afterwards: a risk that has just begun gets a snapshot of
the account at once; should the venue not answer then, the next comes after 30 s."""
POLL_S = 0.25

State = Mapping[str, Any]


class NotResumedError(Exception):
    """The platform could not be resumed, or not wholly; the message says what holds now."""


def look(data_dir: Path, ports: Ports, client: PlatformClient) -> dict[str, Any]:
    """Return what changed of each store, who stands still for it, and what of the books is proven."""
    told = _report(data_dir, ports)
    states = _states(ports, client)
    return {
        "generation": told["generation"],
        "known_generation": told["known_generation"],
        "stores": {name: _as_seen(name, store, states) for name, store in told["stores"].items()},
        "faults": sorted({*told["faults"], *_faults(states)}),
        "standing": sorted(name for name, state in states.items() if _stores_of(state).get("faults")),
        **_proof(states),
        "backfill": _backfill(ports, client, told["booked"]) if any(_faults(states)) or told["faults"] else None,
        "halts": _halts(states),
    }


def resume(
    data_dir: Path, ports: Ports, client: PlatformClient, who: str, reason: str, clock: Callable[[], float]
) -> dict[str, Any]:
    """Write the next generation, wait for everybody to begin anew with it, and return `look` as it is then.

    NotResumedError when nobody stands still, or when a service does not follow.
    """
    before = look(data_dir, ports, client)
    if not before["faults"]:
        raise NotResumedError("the stores are those everybody knew: nothing stands still")
    fit_keys(data_dir, _report(data_dir, ports)["ends"])
    said = streams.ask(["renew", "--who", who, "--reason", reason], data_dir, ports)
    generation = int(said.strip().rsplit(" ", 1)[1])
    late = _until(lambda: _late(_states(ports, client), generation), FOLLOW_S_MAX, clock)
    if late:
        raise NotResumedError(f"generation {generation} is written, but {', '.join(late)} did not restart with it")
    _until(lambda: _proof(_states(ports, client))["unproven"], AGREE_S_MAX, clock)
    after = look(data_dir, ports, client)
    return {**after, "resumed_by": who, "reason": reason, "faults_before": before["faults"]}


def fit_keys(data_dir: Path, ends: Mapping[str, int]) -> None:
    """Have the public keys hold for what these streams store from now on, before anything is signed there."""
    Keyring.of(data_dir).rewind(ends)


def show(told: Mapping[str, Any], console: Console) -> None:
    """Print what `look` or `resume` returned for a person."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"generation {told['generation'] or 'none'}, {told['known_generation'] or 'none'} was known here")
    for name, store in told["stores"].items():
        say(f"  {name:<7} {_told_of(store)}")
    for fault in told["faults"]:
        say(f"changed: {fault}")
    say(f"stands still: {', '.join(told['standing']) or 'nobody'}")
    for line in told["proven"]:
        say(f"proven: {line}")
    for line in told["unproven"]:
        say(f"NOT PROVEN: {line}")
    for line in _told_of_backfill(told["backfill"]) if told["backfill"] is not None else ():
        say(line)
    for halt in told["halts"]:
        say(f"halt in force: {halt}")


def _told_of(store: Mapping[str, Any]) -> str:
    if store["created"] is None:
        return f"not there; made {store['made'] or 'never'}, seen up to {store['seen_sequence'] or 0}"
    text = f"made {store['created']}, {store['messages']} messages up to sequence {store['last_sequence']}"
    lost = (store["seen_sequence"] or 0) - store["last_sequence"]
    if store["made"] not in (None, store["created"]):
        return f"{text}; ANOTHER was known, made {store['made']}, with {store['seen_sequence'] or 0} messages"
    return f"{text}; {lost} sequences LOST" if lost > 0 else text


def _as_seen(name: str, store: Mapping[str, Any], states: Mapping[str, State]) -> dict[str, Any]:
    """Return a store with the highest sequence that anybody has seen there, not the streams step alone."""
    seen = [store["seen_sequence"] or 0, *(_stores_of(state).get("seen", {}).get(name, 0) for state in states.values())]
    return {**store, "seen_sequence": max(seen)}


def _report(data_dir: Path, ports: Ports) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(streams.ask(["report"], data_dir, ports))
    return told


def _states(ports: Ports, client: PlatformClient) -> dict[str, State]:
    def ask(name: str) -> State:
        port = getattr(ports, f"{name}_admin")
        try:
            answer = client.get(f"http://127.0.0.1:{port}/state", client.admin_token())
        except NoAnswerError:
            return {}
        return answer if isinstance(answer, dict) else {}

    with ThreadPoolExecutor(len(SERVICES)) as pool:
        return dict(zip(SERVICES, pool.map(ask, SERVICES), strict=True))


def _stores_of(state: State) -> Mapping[str, Any]:
    return state.get("stores") or {}


def _faults(states: Mapping[str, State]) -> set[str]:
    return {fault for state in states.values() for fault in _stores_of(state).get("faults", [])}


def _late(states: Mapping[str, State], generation: int) -> list[str]:
    """Return who does not work with a generation yet."""
    return [
        name
        for name, state in states.items()
        if state.get("stage") != "running" or _stores_of(state).get("generation") != generation
    ]


def _proof(states: Mapping[str, State]) -> dict[str, list[str]]:
    """Return what risk has compared with the venue, and what it has not, account by account."""
    proven, unproven = [], []
    risk = states.get("risk", {})
    accounts = risk.get("reconciliation") or {}
    for account, row in sorted(accounts.items()):
        if row.get("differences"):
            unproven.append(f"account {account}: {'; '.join(row['differences'])}")
        elif row.get("agreed_age_ms") is None:
            unproven.append(f"account {account}: its cash and shares have not been compared with the venue's yet")
        else:
            proven.append(f"account {account}: fills, cash and shares agree with the venue's")
    if not accounts:
        unproven.append("no account has been compared with its venue: risk books nothing while it stands still")
    return {"proven": proven, "unproven": unproven}


def _backfill(ports: Ports, client: PlatformClient, booked: Mapping[str, int]) -> dict[str, Any]:
    """Return what the venues have of each account that FILL as it stands lacks: booked once somebody has resumed."""
    url = f"http://127.0.0.1:{ports.quoter_admin}/since"
    try:
        told: dict[str, Any] = client.post(url, client.admin_token(), {"after": dict(booked)})
    except (NoAnswerError, RefusedError) as error:
        return {"why": str(error)}
    return told


def _told_of_backfill(told: Mapping[str, Any]) -> Iterator[str]:
    if "accounts" not in told:
        yield f"NOT PROVEN: what the venue has and FILL lacks is not known: {told.get('why')}"
        return
    for row in told["accounts"]:
        yield from _told_of_account(row)


def _told_of_account(told: Mapping[str, Any]) -> Iterator[str]:
    account = told["account"]
    if "fills" not in told:
        yield f"NOT PROVEN: account {account}: what the venue has and FILL lacks is not known: {told.get('why')}"
        return
    if not told["fills"] and not told["conversions"]:
        yield f"account {account}: FILL has everything the venue reports"
    else:
        yield (
            f"account {account}: the venue reports {told['fills']} executions and {told['conversions']} conversions "
            f"after place {told['after']}, where FILL ends as it stands; they are booked once somebody has resumed"
        )
    for row in told["lots"]:
        yield f"  {row['symbol']}: {row['side']} {row['lots']} lots of {row['outcome']}"
    if told["unread"]:
        yield f"NOT PROVEN: account {account}: {told['unread']} rows of the venue's lists cannot be read"
    cash = told["cash_total"] or "unknown"
    yield f"account {account}: the venue reports {cash} in cash, to be compared after the resume"


def _halts(states: Mapping[str, State]) -> list[str]:
    """Return the halts that stay in force whoever resumes."""
    known = {halt for name in ("quoter", "risk", "watchdog") for halt in states.get(name, {}).get("halts", [])}
    return sorted(halt for halt in known if not halt.endswith(f":{STORE_CHANGED}"))


def _until(left: Callable[[], list[str]], most_s: float, clock: Callable[[], float]) -> list[str]:
    """Wait until nothing is left, at most so long; return what is."""
    deadline_s = clock() + most_s
    while (rest := left()) and clock() < deadline_s:
        time.sleep(POLL_S)
    return rest
