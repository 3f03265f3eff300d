"""A process whose parts have leases of their own: each begins with its lease, and is lost alone."""

from __future__ import annotations

import signal

from common.bus.jetstream import JetStreamApi
from common.events import Lease, decode

from tests.integration.connections import connected, halt, in_thread, top
from tests.integration.tiny import Run, Tiny, until
from tests.servers import Broker


def told(tiny: Tiny) -> list[str]:
    return [each for each in tiny.state().get("told", []) if not each.startswith("start")]


async def lease_of(broker: Broker, key: str) -> Lease:
    async with connected(broker, "risk") as connection:
        stored = await JetStreamApi(connection).last("LEASE", f"lease.risk.{key}")
        assert stored is not None
        return decode(Lease, stored.data)


async def test_parts_begin_with_their_leases_and_give_them_back_at_the_end(broker: Broker, run: Run) -> None:
    async with connected(broker, "risk") as risk, connected(broker, "feed") as feed:
        await risk.publish_acked(halt("person"))
        await feed.publish(top("S", 7))
    tiny = run("tiny-0", MM_PARTS="a,b")
    await in_thread(lambda: until(lambda: {"held a 1", "held b 1"} <= set(told(tiny)), "both begun"))
    assert tiny.state()["told"][0] == "start, 1 halts known", "the core begins before its parts"
    assert told(tiny).index("prepares a") < told(tiny).index("held a 1")
    assert [(row["key"], row["state"]) for row in tiny.state()["leases"]] == [("a", "held"), ("b", "held")]
    tiny.process.send_signal(signal.SIGTERM)
    assert await in_thread(tiny.wait) == 0
    assert [(await lease_of(broker, key)).holder for key in ("a", "b")] == ["", ""]


async def test_a_part_begins_although_another_process_holds_the_others_lease(broker: Broker, run: Run) -> None:
    other = run("tiny-1", MM_PARTS="b")
    await in_thread(lambda: until(other.ready, "the other ready"))
    tiny = run("tiny-0", MM_PARTS="a,b")
    await in_thread(lambda: until(lambda: "held a 1" in told(tiny), "its own begun"))
    assert "held b 1" not in told(tiny)
    other.process.send_signal(signal.SIGTERM)
    await in_thread(lambda: until(lambda: "held b 2" in told(tiny), "the other's too, when it is free"))


RENOUNCED = {"key": "b", "for_ms": 5_000}


async def test_a_part_that_gives_its_lease_back_is_another_processs_until_that_ends(broker: Broker, run: Run) -> None:
    async with connected(broker, "feed") as feed:
        await feed.publish(top("S", 7))
    tiny = run("tiny-0", MM_PARTS="a,b")
    await in_thread(lambda: until(lambda: "held b 1" in told(tiny), "both begun"))
    other = run("tiny-1", MM_PARTS="b")
    waiting = "waiting for the lease risk/b, held by tiny-0"
    await in_thread(lambda: until(lambda: other.state().get("stage") == waiting, "it stands by"))

    def taken_over() -> bool:
        # On a busy machine the first may have it again before the other looks: then it gives it back once more.
        if told(tiny)[-1] != "lost b":
            tiny.post("/renounce", RENOUNCED)
        return any(word.startswith("held b") for word in told(other))

    await in_thread(lambda: until(taken_over, "it takes over"))
    assert told(tiny)[-1] == "lost b"
    epoch = int(told(other)[-1].removeprefix("held b "))
    assert tiny.ready(), "the other part goes on"
    other.process.kill()
    await in_thread(other.wait)
    await in_thread(lambda: until(lambda: told(tiny)[-1] == f"held b {epoch + 1}", "it has it again"))
    assert tiny.state()["bids"] == {"S": 7.0}
    assert "lost the lease" not in tiny.logged()


async def test_without_any_lease_left_the_process_ends(broker: Broker, run: Run) -> None:
    tiny = run("tiny-0", MM_PARTS="a,b")
    await in_thread(lambda: until(lambda: {"held a 1", "held b 1"} <= set(told(tiny)), "both begun"))
    other = run("tiny-1", MM_PARTS="a,b")
    tiny.process.send_signal(signal.SIGSTOP)
    await in_thread(lambda: until(lambda: {"held a 2", "held b 2"} <= set(told(other)), "the other took over"))
    tiny.process.send_signal(signal.SIGCONT)
    assert await in_thread(tiny.wait) == 1
    assert "another instance took over" in tiny.logged()


async def test_a_broker_that_stands_still_puts_each_lease_in_doubt(broker: Broker, run: Run) -> None:
    tiny = run("tiny-0", MM_PARTS="a,b")
    await in_thread(lambda: until(lambda: {"held a 1", "held b 1"} <= set(told(tiny)), "both begun"))
    broker.freeze()
    await in_thread(lambda: until(lambda: {"doubts a", "doubts b"} <= set(told(tiny)), "in doubt"))
    broker.thaw()
    await in_thread(lambda: until(lambda: {"is sure of a", "is sure of b"} <= set(told(tiny)), "sure again"))
