"""Row 70: a bus password without its key is obeyed by nobody, nor is an old genuine message. Real broker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from common.bus.jetstream import JetStreamApi, Stored
from common.bus.messages import message_of
from common.bus.nats import NatsConnection
from common.bus.ordered import OrderedReader
from common.core import Start
from common.errors import ConfigError, PublishRefused
from common.events import (
    Alert,
    Event,
    Halt,
    Parked,
    decode,
    encode,
)
from common.running.gate import Admission, Gate
from common.signing import HEADER, Fault
from common.testing.events import fill

from tests.integration.connections import connected, eventually, halt, in_thread, signed_as
from tests.integration.replays import (
    config,
    forget_ids,
    gate_of,
    name_of_stream,
    parent,
    position,
    store_again,
    thief,
    user,
)
from tests.integration.tiny import Run, until
from tests.servers import Broker


async def last_heard(gate: Gate, connection: NatsConnection, cls: type[Event], subject: str) -> Admission:
    """Return what a reader that starts now makes of the newest message of a subject."""
    stored = await JetStreamApi(connection).last(name_of_stream(subject), subject)
    assert stored is not None
    return await gate.admit(cls, message_of(stored))


def lift(halt_id: str) -> Halt:
    return Halt(scope="global", reason="person", lifted=True, actor="anna", halt_id=halt_id, ts_ns=1)


@pytest.mark.parametrize(
    ("role", "reader", "events"),
    [
        ("gateway", "gateway", [user(1, "old"), user(2, "new"), user(3, "newest")]),
        ("gateway", "risk", [config(1), config(2), config(3)]),
    ],
    ids=["password", "configuration"],
)
async def test_r70_an_old_value_stored_again_is_obeyed_neither_by_old_readers_nor_by_new_ones(
    broker: Broker, tmp_path: Path, role: str, reader: str, events: list[Event]
) -> None:
    subject, cls = events[0].address(), type(events[0])
    async with connected(broker, role) as owner, connected(broker, reader) as there, thief(broker, role) as attacker:
        watching = gate_of(there, tmp_path / "watching")
        sequence = 0
        first: Stored | None = None
        for event in events:
            sequence = await owner.publish_acked(event, expected_last_sequence=sequence)
            assert (await last_heard(watching, there, cls, subject)).event == event
            first = first or await JetStreamApi(there).last(name_of_stream(subject), subject)
        await forget_ids(broker, name_of_stream(subject))
        assert first is not None
        assert await store_again(attacker, first) > sequence
        heard = await last_heard(watching, there, cls, subject)
        assert heard.event is None
        assert heard.refusal is not None
        assert heard.refusal.fault is Fault.OUTDATED
        fresh = await last_heard(gate_of(there, tmp_path / "fresh"), there, cls, subject)
        assert fresh.event == events[-1], "the newest genuine one, found behind it"
        assert fresh.message.sequence == sequence
        assert fresh.refusal is not None


async def test_r70_a_genuine_old_lift_lifts_nothing_for_a_reader_that_starts_fresh(
    broker: Broker, tmp_path: Path
) -> None:
    subject = halt("person").address()
    async with connected(broker, "quoter") as quoter, connected(broker, "gateway") as gateway:
        sequence = await quoter.publish_acked(halt("person", halt_id="1"))
        await gateway.publish_acked(lift("2"), expected_last_sequence=sequence)
        old = await JetStreamApi(gateway).last("RISK", subject)
        await quoter.publish_acked(halt("person", halt_id="3"))
        await forget_ids(broker, "RISK")
        assert old is not None
        async with thief(broker, "gateway") as attacker:
            await store_again(attacker, old)
        heard = await last_heard(gate_of(quoter, tmp_path / "fresh"), quoter, Halt, subject)
        assert isinstance(heard.event, Halt)
        assert (heard.event.halt_id, heard.event.lifted) == ("3", False)


async def test_r70_a_hedge_parent_and_a_position_of_before_are_not_obeyed_again(broker: Broker, tmp_path: Path) -> None:
    async with connected(broker, "risk") as risk, connected(broker, "quoter") as quoter:
        gate = gate_of(quoter, tmp_path / "obeyed")
        await gate.begin()
        stored: dict[type[Event], Stored] = {}
        for number in (1, 2):
            await risk.publish_acked(parent(number))
            await risk.publish(position(number))
            for event in (parent(number), position(number)):
                await _until_last_is(quoter, event)
                assert (await last_heard(gate, quoter, type(event), event.address())).event == event
                found = await JetStreamApi(quoter).last(name_of_stream(event.address()), event.address())
                assert found is not None
                stored.setdefault(type(event), found)
        await gate.save()
        again = gate_of(quoter, tmp_path / "obeyed")
        await again.begin()
        async with thief(broker, "risk") as attacker:
            for cls, old in stored.items():
                await forget_ids(broker, name_of_stream(old.subject))
                await store_again(attacker, old)
                heard = await last_heard(gate, quoter, cls, old.subject)
                assert heard.event is None
                heard = await last_heard(again, quoter, cls, old.subject)
                assert heard.event != decode(cls, old.data), "nor by the next process, which remembers"


async def _until_last_is(connection: NatsConnection, event: Event) -> None:
    api, subject = JetStreamApi(connection), event.address()
    async with asyncio.timeout(60):
        while True:
            stored = await api.last(name_of_stream(subject), subject)
            if stored is not None and stored.data == encode(event):
                return
            await asyncio.sleep(0.01)


async def test_r70_a_forged_fill_is_parked_and_counted_and_its_neighbours_are_booked(broker: Broker, run: Run) -> None:
    tiny = run()
    forged = fill(2)
    async with connected(broker, "quoter") as quoter, thief(broker, "quoter") as attacker:
        await quoter.publish_acked(fill(1))
        for number in range(3):  # told once, parked each
            await attacker.publish_acked(fill(10 + number))
        wrong = signed_as(broker, "risk", forged.address(), encode(forged))
        await attacker.client.publish(forged.address(), encode(forged), headers=wrong)
        await eventually_stored(quoter, "FILL", 6)
        await quoter.publish_acked(fill(3))
    await in_thread(lambda: until(lambda: tiny.state().get("fills") == [2, 7], "both neighbours"))
    told = [each for each in tiny.state()["told"] if each.startswith("forged")]
    assert told == [*[f"forged {n}: no signature" for n in (3, 4, 5)], "forged 6: risk may not sign a Fill"]
    async with connected(broker, "risk") as risk, connected(broker, "gateway") as gateway:
        info = await JetStreamApi(risk).call("CONSUMER.INFO.FILL.risk-ledger")
        assert info["ack_floor"]["stream_seq"] == 7, "no hole, nothing left over"
        api = JetStreamApi(gateway)
        kinds = [decode(Alert, stored.data).kind async for stored in api.read("ALERT", 0)]
        parked = [decode(Parked, stored.data).data async for stored in api.read("PARKED", 0)]
        assert kinds == ["unsigned_message", "not_entitled_message"], "one a minute and kind"
        assert len(parked) == 4


async def test_r70_a_fill_of_the_right_role_that_proves_nothing_goes_to_the_core_and_stays(
    broker: Broker, run: Run
) -> None:
    tiny = run()
    subject, data = fill(1).address(), encode(fill(1))
    headers = signed_as(broker, "quoter", subject, data)
    async with thief(broker, "quoter") as attacker:
        await attacker.client.publish(subject, encode(fill(2)), headers=headers)
    await in_thread(
        lambda: until(lambda: any(t.startswith("poison 2: ") for t in tiny.state().get("told", [])), "told")
    )
    async with connected(broker, "risk") as risk:
        assert (await JetStreamApi(risk).call("CONSUMER.INFO.FILL.risk-ledger"))["ack_floor"]["stream_seq"] == 1


async def test_r70_a_running_service_obeys_no_word_of_a_stranger_and_none_of_before(broker: Broker, run: Run) -> None:
    tiny = run()
    await in_thread(lambda: until(tiny.ready, "ready"))
    async with connected(broker, "quoter") as quoter, connected(broker, "gateway") as gateway:
        first = await quoter.publish_acked(halt("person", halt_id="1"))
        await gateway.publish_acked(lift("2"), expected_last_sequence=first)
        old = await JetStreamApi(gateway).last("RISK", halt("person").address())
        await quoter.publish_acked(halt("person", halt_id="3"))
        await forget_ids(broker, "RISK")
        assert old is not None
        async with thief(broker, "gateway") as attacker:
            await attacker.publish_acked(lift("forged"))
            await store_again(attacker, old)
        await gateway.publish_acked(halt("end"))
    await in_thread(lambda: until(lambda: "end" in tiny.state().get("halts", []), "the last word"))
    assert tiny.state()["words"] == [
        "person halted 1",
        "person lifted 2",
        "person halted 3",
        "end halted 1",
    ]


async def test_r70_a_stolen_password_takes_no_lease_away(broker: Broker, run: Run) -> None:
    tiny = run()
    await in_thread(lambda: until(tiny.ready, "ready"))
    beats = tiny.state()["uptime_s"]
    async with thief(broker, "risk") as attacker, connected(broker, "risk") as risk:
        api = JetStreamApi(risk)
        await attacker.client.publish("lease.risk.tiny", b"\x80")
        forged = await api.last("LEASE", "lease.risk.tiny")

        async def holds() -> bool:
            stored = await api.last("LEASE", "lease.risk.tiny")
            return stored is not None and forged is not None and stored.sequence > forged.sequence + 2

        async with asyncio.timeout(60):
            while not await holds():  # noqa: ASYNC110  the broker is asked
                await asyncio.sleep(0.05)
    state = tiny.state()
    assert state["leases"][0]["state"] == "held"
    assert state["uptime_s"] > beats, "the same process"


async def test_r70_a_sender_nobody_would_believe_is_told_at_once(broker: Broker) -> None:
    async with connected(broker, "quoter") as quoter:
        assert quoter.keys is not None
        key_id = quoter.keys.key_id
        broker.keyring.revoke(key_id, {"RISK": 1})
        quoter.keys.look()
        with pytest.raises(PublishRefused, match="is revoked"):
            await quoter.publish_acked(halt("person"))


async def test_r70_a_halt_the_broker_will_not_take_is_refused_within_a_second(broker: Broker) -> None:
    async with connected(broker, "feed") as feed:
        async with asyncio.timeout(1):
            with pytest.raises(PublishRefused, match="may not publish here"):
                await feed.publish_acked(halt("person"))


async def test_r70_headers_of_a_senders_own_do_not_hide_where_a_message_lies(broker: Broker) -> None:
    """A stored message may carry what the broker writes beside one it hands out; the broker's word counts."""
    lies = {"Nats-Subject": "user.admin", "Nats-Sequence": "999", "Nats-Stream": "USER"}
    async with thief(broker, "quoter") as attacker, connected(broker, "risk") as risk:
        await attacker.client.publish(fill(1).address(), b"\x80", headers=lies)
        await eventually_stored(risk, "FILL", 2)
        stored = await JetStreamApi(risk).last("FILL", fill(1).address())
        assert stored is not None
        assert (stored.subject, stored.sequence) == (fill(1).address(), 2)


async def eventually_stored(connection: NatsConnection, stream: str, sequence: int) -> None:
    api = JetStreamApi(connection)
    async with asyncio.timeout(60):
        while await api.last_sequence(stream) < sequence:  # noqa: ASYNC110  the broker is asked
            await asyncio.sleep(0.01)


async def test_r70_every_reader_gets_the_signature_beside_the_bytes(broker: Broker) -> None:
    seen: list[str] = []

    async def deliver(message: object) -> None:
        seen.append(message.headers[HEADER])  # type: ignore[attr-defined]

    async with connected(broker, "risk") as risk:
        await risk.publish_acked(halt("person"))
        await OrderedReader(risk, JetStreamApi(risk), "risk.halt.*.*", Start.ALL, deliver).start()
        await eventually(lambda: len(seen) == 1, "the halt")
        stored = await JetStreamApi(risk).last("RISK", halt("person").address())
        assert stored is not None
        assert stored.headers[HEADER] == seen[0]


async def test_r70_a_service_without_a_key_does_not_begin(broker: Broker, run: Run) -> None:
    for missing in ("MM_SIGNING_KEY_FILE", "MM_ROOT_KEY_FILE"):
        assert await in_thread(run(**{missing: ""}).wait) == 2
    broker.keyring.places.signing_keys["risk"].chmod(0o644)
    with pytest.raises(ConfigError, match="mode 600"):
        NatsConnection(broker.settings("risk"), "risk")
