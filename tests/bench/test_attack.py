"""What an attack consists of, that a seed fixes it, that it goes on where it was, and that its relays really cut."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from _attack_network import Relay
from _attack_plan import FULL, ON_THE_BUS, PROCESSES, QUICK, Amounts, Disk, Kind, Loss, plan
from _attack_signing import signing_figures
from attack import Result, figures, keep, read_state
from toolkit.platform.listening import free_port


@pytest.mark.parametrize("amounts", [FULL, QUICK])
def test_the_plan_holds_what_is_asked_for_and_hits_everybody(amounts: Amounts) -> None:
    scenarios = [scenario for segment in plan(1, amounts) for scenario in segment.scenarios]
    counts = Counter(scenario.kind for scenario in scenarios)
    assert counts == {
        Kind.KILL: amounts.kills,
        Kind.FREEZE: amounts.freezes,
        Kind.PARTITION: amounts.partitions,
        Kind.STORE: amounts.losses * len(Loss),
        Kind.DISK: len(Disk),
    }
    hit = Counter(scenario.victims[0] for scenario in scenarios if scenario.kind is Kind.KILL)
    assert set(hit) == set(PROCESSES)
    assert max(hit.values()) - min(hit.values()) <= 1
    assert {scenario.victims[0] for scenario in scenarios if scenario.kind is Kind.PARTITION} == set(ON_THE_BUS)
    kills = [scenario for scenario in scenarios if scenario.kind is Kind.KILL]
    assert any(len(scenario.victims) == 2 for scenario in kills)
    assert any(scenario.again_after_s is not None for scenario in kills)
    assert any(scenario.under_halt for scenario in kills)
    assert all(len(set(scenario.victims)) == len(scenario.victims) for scenario in kills)


def test_a_seed_fixes_the_plan_and_a_part_of_it_is_that_part() -> None:
    whole = plan(7, QUICK)
    assert whole == plan(7, QUICK) != plan(8, QUICK)
    assert plan(7, QUICK, Kind.FREEZE) == [segment for segment in whole if segment.kind is Kind.FREEZE]
    assert len({segment.name for segment in whole}) == len(whole)


def test_finished_segments_are_remembered_for_the_same_attack_only(tmp_path: Path) -> None:
    path = tmp_path / "state"
    assert read_state(path, 1, QUICK) == {}
    result = Result("kill-1", fills=3, worst_s={"kill": 2.5}, stood_still={"redis flushed 1": True})
    keep(path, 1, QUICK, result)
    keep(path, 1, QUICK, Result("kill-2"))
    assert read_state(path, 1, QUICK) == {"kill-1": result, "kill-2": Result("kill-2")}
    assert read_state(path, 2, QUICK) == read_state(path, 1, FULL) == {}


def test_one_lost_fill_one_lost_halt_or_one_failure_misses_the_aim() -> None:
    good = Result("a", fills=10, worst_s={"kill": 4.0}, stood_still={"x 1": True})
    assert all(figure.met is not False for figure in figures([good]))
    for bad in (
        Result("b", lost=1),
        Result("b", doubled=1),
        Result("b", halts_lost=1),
        Result("b", orders_left=1),
        Result("b", cash_apart=0.01),
        Result("b", worst_s={"kill": 5.1}),
        Result("b", stood_still={"x 1": False}),
        Result("b", failed=["no readiness"]),
    ):
        assert any(figure.met is False for figure in figures([good, bad])), bad


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that sends back what it is sent; yields its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(1_024):
                connection.sendall(data)

    Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(10) == b""
    except ConnectionResetError:
        return True


def test_a_relay_carries_holds_cuts_and_carries_again(echo: int) -> None:
    relay = Relay(free_port(), echo)
    try:
        with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as client:
            client.sendall(b"one")
            assert client.recv(10) == b"one"
            relay.hold()
            client.sendall(b"two")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(10)
            relay.restore()
            client.settimeout(10)
            assert client.recv(10) == b"two"
            relay.cut()
            assert is_closed(client)
        relay.restore()
        with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as client:
            client.sendall(b"four")
            assert client.recv(10) == b"four"
    finally:
        relay.close()


def test_r70_the_figures_say_what_signing_costs_at_the_signer_and_at_each_reader() -> None:
    found = {figure.name: figure for figure in signing_figures()}
    assert set(found) == {f"{what} per {event}" for what in ("signing", "verifying") for event in ("fill", "RiskState")}
    assert all(float(figure.value) > 0 for figure in found.values())
    assert "at each of 3 readers" in found["verifying per fill"].unit


def test_what_waits_for_a_person_has_no_aim_of_seconds() -> None:
    result = Result("a", worst_s={"kill": 4.0}, resumed_s={"nats emptied while living": 26.0})
    found = {
        figure.name: figure for figure in figures([result, Result("b", resumed_s={"nats emptied while living": 9.0})])
    }
    slow = found["new quotes with a person's resume: nats emptied while living"]
    assert (slow.value, slow.met) == (26.0, None)
    assert found["worst time to new quotes: kill"].met
