"""A service as a process: it starts, works, stands by, takes over, survives breaks, and ends with the right code."""

from __future__ import annotations

import asyncio
import signal
from decimal import Decimal

import pytest
from common.bus.jetstream import JetStreamApi
from common.events import Alert, Lease, Parked, Posting, PostingKind, decode
from common.testing.events import fill
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.connections import connected, eventually, halt, in_thread, signed_as, top
from tests.integration.tiny import PATIENCE_S, Run, until
from tests.servers import Broker

SUBJECT, NONSENSE = "fill.trade.mm1.1", b"\xc1 no msgpack"


def posting(number: int, reason: str = "") -> Posting:
    return Posting(
        account="mm1", algo_id="1", entry_id=str(number), kind=PostingKind.MERGE, venue="degen",
        cash={"USD": Decimal(1)}, reason=reason, ts_received_ns=1,
    )  # fmt: skip


async def lease_of(broker: Broker) -> Lease:
    async with connected(broker, "risk") as connection:
        stored = await JetStreamApi(connection).last("LEASE", "lease.risk.tiny")
        assert stored is not None
        return decode(Lease, stored.data)


async def test_a_service_starts_shows_itself_works_and_ends_orderly(broker: Broker, run: Run) -> None:
    async with connected(broker, "risk") as risk, connected(broker, "feed") as feed:
        await risk.publish_acked(halt("person"))
        await feed.publish(top("BTC/USD", 7))
        tiny = run()
        await in_thread(lambda: until(tiny.ready, "ready"))
        state = tiny.state()
        assert state["stage"] == "running"
        assert state["epoch"] == 1
        assert state["told"] == ["start, 1 halts known"], "last values come before the start"
        assert state["bids"] == {"BTC/USD": 7.0}
        assert state["leases"] == [{"role": "risk", "key": "tiny", "state": "held", "holder": "tiny-0"}]
        figures = {family.name for family in text_string_to_metric_families(tiny.get("/metrics")[1].decode())}
        assert {"mm_uptime_seconds", "mm_bus_connected", "mm_conflated", "mm_parked"} <= figures
        assert tiny.post("/say", {"text": "hello"}, token="wrong") == 401
        assert tiny.post("/say", {"text": ""}) == 422
        assert tiny.post("/say", {"text": "hello"}) == 202
        assert tiny.state()["said"] == 1
        tiny.process.send_signal(signal.SIGTERM)
        assert await in_thread(tiny.wait) == 0
        last = await JetStreamApi(risk).last_sequence("ALERT")
        assert last == 2, "the alert it said, and the one it ended with"
    lease = await lease_of(broker)
    assert (lease.holder, lease.epoch) == ("", 1), "given back, so that the next need not wait"


@pytest.mark.parametrize("broken", ["environment", "wiring"])
async def test_bad_configuration_ends_with_code_2_and_every_fault(broker: Broker, run: Run, broken: str) -> None:
    if broken == "environment":
        tiny = run(MM_BEATS_MAX="0", MM_COLOUR="red", MM_LOG_LEVEL="loud")
        expected = ["risk: MM_COLOUR: not a setting of risk", "risk: MM_BEATS_MAX: ", "risk: MM_LOG_LEVEL: "]
    else:
        tiny = run(MM_BOOK_ID="unusable")
        expected = ["risk: MM_BOOK_ID: 'unusable' cannot be used", "risk: second fault of the wiring"]
    assert await in_thread(tiny.wait) == 2
    logged = tiny.logged().splitlines()
    assert len(logged) == len(expected)
    assert all(any(line.startswith(fault) for line in logged) for fault in expected)


async def test_streams_that_differ_end_with_code_2_and_the_difference(broker: Broker, run: Run) -> None:
    async with connected(broker, "streams") as admin:
        config = (await JetStreamApi(admin).call("STREAM.INFO.FILL"))["config"]
        await JetStreamApi(admin).call("STREAM.UPDATE.FILL", config | {"max_bytes": 1_000_000})
    tiny = run()
    assert await in_thread(tiny.wait) == 2
    assert "stream FILL: max_bytes" in tiny.logged()


async def test_a_service_waits_for_its_streams_and_says_so_and_can_be_told_to_stop(broker: Broker, run: Run) -> None:
    async with connected(broker, "streams") as admin:
        await JetStreamApi(admin).call("STREAM.DELETE.MARKET")
    tiny = run()
    await in_thread(lambda: until(lambda: "streams not there yet: MARKET" in tiny.logged(), "it says so"))
    assert tiny.state()["stage"] == "waiting for the streams"
    assert tiny.get("/health")[0] == 503
    tiny.process.send_signal(signal.SIGTERM)
    assert await in_thread(tiny.wait) == 0


async def test_a_service_waits_for_a_broker_that_is_not_there_yet(broker: Broker, run: Run) -> None:
    await in_thread(broker.kill)
    tiny = run()
    await in_thread(lambda: until(lambda: tiny.state().get("stage") == "waiting for the broker", "it waits"))
    await in_thread(broker.start)
    await in_thread(lambda: until(tiny.ready, "ready"))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_a_second_instance_stands_by_says_so_and_takes_over(
    broker: Broker, run: Run, end: signal.Signals
) -> None:
    first = run("tiny-0")
    await in_thread(lambda: until(first.ready, "the first ready"))
    second = run("tiny-1")
    waiting = "waiting for the lease risk/tiny, held by tiny-0"
    await in_thread(lambda: until(lambda: second.state().get("stage") == waiting, "the second waits"))
    assert waiting in second.logged()
    assert second.get("/ready")[0] == 503
    assert second.state()["told"] == [], "its core has not begun"
    assert first.ready()
    first.process.send_signal(end)
    await in_thread(first.wait)
    await in_thread(lambda: until(second.ready, "the second took over"))
    assert second.state()["epoch"] == 2
    assert (await lease_of(broker)).holder == "tiny-1"


async def test_a_restarted_process_of_the_same_name_takes_its_lease_back_at_once(broker: Broker, run: Run) -> None:
    first = run("tiny-0", MM_BOOK_ID="tiny")
    await in_thread(lambda: until(first.ready, "the first ready"))
    first.process.kill()
    await in_thread(first.wait)
    again = run("tiny-0")
    await in_thread(lambda: until(again.ready, "its successor ready"))
    assert "standing by" not in again.logged()
    assert again.state()["epoch"] == 2


async def test_a_process_that_slept_through_its_lease_ends_when_it_wakes(broker: Broker, run: Run) -> None:
    first = run("tiny-0")
    await in_thread(lambda: until(first.ready, "the first ready"))
    second = run("tiny-1")
    first.process.send_signal(signal.SIGSTOP)
    await in_thread(lambda: until(second.ready, "the second took over"))
    first.process.send_signal(signal.SIGCONT)
    assert await in_thread(first.wait) == 1
    assert "lost the lease risk/tiny: another instance took over" in first.logged()
    assert second.ready()


async def test_a_broker_killed_and_restarted_is_one_break_to_the_core(broker: Broker, run: Run) -> None:
    tiny = run(MM_LEASE_TTL_MS="30000")
    await in_thread(lambda: until(tiny.ready, "ready"))
    async with connected(broker, "quoter") as quoter, connected(broker, "feed") as feed:
        await quoter.publish_acked(fill(1))
        await in_thread(broker.kill)
        await in_thread(lambda: until(lambda: "away" in tiny.state()["told"], "it knows that the bus is gone"))
        assert tiny.get("/health")[0] == 503
        await in_thread(broker.start)
        await in_thread(lambda: until(lambda: "back" in tiny.state()["told"], "it knows that the bus is back"))
        assert tiny.state()["told"][1:] == ["away", "back"]
        await eventually(lambda: quoter.connected and feed.connected, "connected again")
        await quoter.publish_acked(fill(2))
        await quoter.publish_acked(halt("later"))
        await feed.publish(top("S", 3))
        await in_thread(
            lambda: until(
                lambda: (
                    {2, 3} <= set(tiny.state()["fills"])
                    and tiny.state()["halts"] == ["later"]
                    and tiny.state()["bids"] == {"S": 3.0}
                ),
                "every kind of input after the break",
            )
        )
    tiny.process.send_signal(signal.SIGTERM)
    assert await in_thread(tiny.wait) == 0


async def test_a_broker_that_stands_still_puts_the_lease_in_doubt_and_so_the_core_away(
    broker: Broker, run: Run
) -> None:
    tiny = run()
    await in_thread(lambda: until(tiny.ready, "ready"))
    broker.freeze()
    await in_thread(lambda: until(lambda: tiny.state()["told"][-1] == "away", "in doubt"))
    broker.thaw()
    await in_thread(lambda: until(lambda: tiny.state()["told"][-1] == "back", "sure again"))
    assert tiny.state()["told"][1:] == ["away", "back"]


async def test_an_unreadable_message_is_parked_and_its_neighbours_go_on(broker: Broker, run: Run) -> None:
    tiny = run(MM_HALTS_ON_POISON="false")
    async with connected(broker, "quoter") as quoter:
        await quoter.publish_acked(fill(1))
        await quoter.client.publish(SUBJECT, NONSENSE, headers=signed_as(broker, "quoter", SUBJECT, NONSENSE))
        await quoter.publish_acked(fill(3))
    await in_thread(lambda: until(lambda: tiny.state().get("fills") == [2, 4], "both neighbours"))
    async with connected(broker, "risk") as risk:
        api = JetStreamApi(risk)
        await in_thread(lambda: until(lambda: b"mm_parked_total 1.0" in tiny.get("/metrics")[1], "counted"))
        async with connected(broker, "gateway") as gateway:
            stored = await JetStreamApi(gateway).last("PARKED", "parked.risk")
        assert stored is not None
        parked = decode(Parked, stored.data)
        assert (parked.from_subject, parked.data) == (SUBJECT, NONSENSE)
        assert "Fill" in parked.reason
        info = await api.call("CONSUMER.INFO.FILL.risk-ledger")
        assert info["ack_floor"]["stream_seq"] == 4


async def test_a_poisoned_fill_is_told_to_the_core_and_never_acknowledged(broker: Broker, run: Run) -> None:
    tiny = run()
    async with connected(broker, "quoter") as quoter:
        await quoter.client.publish(SUBJECT, NONSENSE, headers=signed_as(broker, "quoter", SUBJECT, NONSENSE))
        await quoter.publish_acked(fill(2))
    await in_thread(lambda: until(lambda: tiny.state().get("fills") == [3], "its neighbour"))
    assert any(told.startswith("poison 2: ") for told in tiny.state()["told"])
    async with connected(broker, "risk") as risk:
        info = await JetStreamApi(risk).call("CONSUMER.INFO.FILL.risk-ledger")
        assert info["ack_floor"]["stream_seq"] == 1
        assert info["num_ack_pending"] >= 1


async def test_b22_a_core_that_breaks_ends_the_process_and_gets_no_further_turn(broker: Broker, run: Run) -> None:
    tiny = run()
    await in_thread(lambda: until(tiny.ready, "ready"))
    async with connected(broker, "quoter") as quoter:
        await quoter.publish_acked(posting(1, "break the core"))
        await quoter.publish_acked(posting(2))
    assert await in_thread(tiny.wait) == 1
    assert "an invariant is broken" in tiny.logged()
    async with connected(broker, "risk") as risk:
        info = await JetStreamApi(risk).call("CONSUMER.INFO.FILL.risk-ledger")
        assert info["ack_floor"]["stream_seq"] == 1, "neither the breaking message nor what came after is dealt with"


async def test_a_command_that_breaks_the_core_ends_the_process(broker: Broker, run: Run) -> None:
    tiny = run()
    await in_thread(lambda: until(tiny.ready, "ready"))
    tiny.post("/fail", {})
    assert await in_thread(tiny.wait) == 1
    assert "told to fail" in tiny.logged()


async def test_r72_an_early_command_works_without_the_broker_and_is_on_disk_when_it_is_answered(
    broker: Broker, run: Run
) -> None:
    broker.kill()
    tiny = run()
    await in_thread(lambda: until(lambda: tiny.get("/state")[0] == 200, "the admin port"))
    status, answer = await in_thread(lambda: tiny.order("/note", {"name": "a", "text": "stop"}))
    assert (status, answer["notes"], answer["started"]) == (202, {"a": "stop"}, False)
    status, answer = await in_thread(lambda: tiny.order("/say", {"text": "hello"}))
    assert (status, answer["error"]["code"]) == (503, "not_done")
    tiny.process.kill()
    tiny.wait()
    second = run()
    await in_thread(lambda: until(lambda: second.state().get("notes") == {"a": "stop"}, "what was kept"))
    broker.start()
    await in_thread(lambda: until(second.ready, "ready"))
    status, answer = await in_thread(lambda: second.order("/note", {"name": "a"}))
    assert (status, answer["notes"], answer["started"]) == (202, {}, True)
    second.process.kill()
    second.wait()
    third = run()
    await in_thread(lambda: until(third.ready, "ready again"))
    assert third.state()["notes"] == {}


async def test_r72_what_an_early_command_told_the_bus_is_told_when_the_bus_is_there(broker: Broker, run: Run) -> None:
    broker.kill()
    tiny = run()
    await in_thread(lambda: until(lambda: tiny.get("/state")[0] == 200, "the admin port"))
    assert await in_thread(lambda: tiny.post("/note", {"name": "a", "text": "stop"})) == 202
    broker.start()
    await in_thread(lambda: until(tiny.ready, "ready"))
    async with connected(broker, "gateway") as gateway:
        stored = await JetStreamApi(gateway).last("ALERT", "alert.info.platform")
    assert stored is not None
    assert decode(Alert, stored.data).kind == "noted a"


async def test_r72_a_disk_that_does_not_take_it_is_said_and_nothing_ends(broker: Broker, run: Run) -> None:
    (broker.files / "data" / "risk").mkdir(parents=True, exist_ok=True)
    (broker.files / "data" / "risk" / "kept").write_text("a file where the folder should be")
    tiny = run()
    await in_thread(lambda: until(tiny.ready, "ready"))
    status, answer = await in_thread(lambda: tiny.order("/note", {"name": "a", "text": "stop"}))
    assert (status, answer["error"]["code"]) == (503, "not_done")
    assert "not on disk" in answer["error"]["message"]
    assert tiny.ready()


async def test_a_command_to_a_process_that_ends_is_not_said_to_be_accepted(broker: Broker, run: Run) -> None:
    tiny = run()
    await in_thread(lambda: until(tiny.ready, "ready"))
    assert await in_thread(lambda: tiny.post("/fail", {})) in (0, 503)


async def test_r72_an_early_command_of_one_that_stands_by_for_the_lease_is_told_to_the_bus_at_once(
    broker: Broker, run: Run
) -> None:
    holder = run("tiny-0")
    await in_thread(lambda: until(holder.ready, "ready"))
    standby = run("tiny-1")
    await in_thread(lambda: until(lambda: "tiny-0" in standby.state().get("stage", ""), "standing by"))
    assert await in_thread(lambda: standby.post("/note", {"name": "a", "text": "stop"})) == 202
    async with connected(broker, "gateway") as gateway:
        api = JetStreamApi(gateway)
        await eventually_stored(api, "alert.info.platform")


async def eventually_stored(api: JetStreamApi, subject: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await api.last("ALERT", subject) is None:  # noqa: ASYNC110 - another process publishes it
            await asyncio.sleep(0.02)
