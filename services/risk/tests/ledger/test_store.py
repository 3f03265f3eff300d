"""The positions store and the recovery from it, against a real Redis."""

from __future__ import annotations

import pytest
from common.core import Receipt, Store
from common.events import Fill, FillIdentity, Posting, encode
from common.instruments import Outcome
from pydantic import SecretStr
from risk.ledger.recovery import recover
from risk.ledger.snapshot import StoreHealth, documents
from risk.service import Risk
from risk.testing.events import NOW_NS, PLATFORM_LIMITS, a_fill, a_settlement
from risk.testing.stores import Setting, Stream, a_setting
from toolkit.testing.servers import LocalRedis

ENTRIES: list[Fill | Posting] = [
    a_fill(1),
    a_fill(2, outcome=Outcome.NO, price_ticks=55),
    a_fill(1),
    a_fill(3, symbol="ETH-5M-1", algo_id="2"),
    a_settlement(),
    a_fill(4, quantity_lots=0),
]


async def filled(setting: Setting, *entries: Fill | Posting) -> None:
    for entry in entries:
        await setting.store.apply(setting.fold(entry))


async def test_change_by_change_the_store_is_the_ledger(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        for entry in ENTRIES:
            await setting.store.apply(setting.fold(entry))
            assert await setting.stored() == setting.expected()


async def test_a_change_applied_twice_or_late_changes_nothing(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        writes = [setting.fold(entry) for entry in ENTRIES]
        for write in writes:
            await setting.store.apply(write)
        stored = await setting.stored()
        for write in (writes[-1], writes[0], writes[2]):
            await setting.store.apply(write)
        assert await setting.stored() == stored
        assert setting.health == StoreHealth()


async def test_after_a_gap_the_whole_ledger_is_written(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        await filled(setting, *ENTRIES[:2])
        setting.fold(ENTRIES[2])
        await setting.store.apply(setting.fold(ENTRIES[3]))
        assert await setting.stored() == setting.expected()


async def test_a_later_change_that_is_written_first_does_not_hide_an_earlier_one(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        await filled(setting, *ENTRIES[:2])
        earlier, later = setting.fold(ENTRIES[3]), setting.fold(a_fill(9, algo_id="9"))
        await setting.store.apply(later)
        await setting.store.apply(earlier)
        assert await setting.stored() == setting.expected()


async def test_a_store_wiped_at_work_is_whole_again_after_the_next_entry(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        await filled(setting, *ENTRIES[:3])
        await setting.client.flushall()
        await filled(setting, *ENTRIES[3:])
        assert await setting.stored() == setting.expected()


@pytest.mark.parametrize("known", range(len(ENTRIES) + 1))
async def test_a_restart_continues_from_any_entry_to_the_same_bytes(redis_server: LocalRedis, known: int) -> None:
    async with a_setting(redis_server) as before, a_setting(redis_server) as after:
        await filled(before, *ENTRIES[:known])
        found = await after.recover(Stream(*ENTRIES))
        for entry in ENTRIES[known:]:
            before.fold(entry)
        assert (found.faults, found.halts) == ({}, {})
        assert await after.stored() == before.expected()


async def test_a_wiped_store_is_rebuilt_to_the_same_bytes_and_said(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as before, a_setting(redis_server) as after:
        await filled(before, *ENTRIES)
        stored = await before.stored()
        await before.client.flushall()
        found = await after.recover(Stream(*ENTRIES))
        assert await after.stored() == stored
        assert found.notes == ["the positions store held no ledger: rebuilt from FILL up to sequence 6"]


async def test_a_torn_store_is_not_believed_but_rebuilt(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as before, a_setting(redis_server) as after:
        await filled(before, *ENTRIES)
        await before.client.hdel(before.store.key, "bot:1")
        found = await after.recover(Stream(*ENTRIES))
        assert "cannot be read" in found.notes[0]
        assert await after.stored() == before.expected()


async def test_fill_behind_the_store_is_a_fault_and_the_store_is_left_alone(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as before, a_setting(redis_server) as after:
        await filled(before, *ENTRIES)
        found = await after.recover(Stream(*ENTRIES[:4]))
        assert list(found.faults) == ["ledger_ahead"]
        assert "at FILL sequence 6, FILL ends before it" in found.faults["ledger_ahead"]
        assert await after.stored() == before.expected()


async def test_another_fill_stream_of_the_same_length_is_a_fault(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as before, a_setting(redis_server) as after:
        await filled(before, *ENTRIES[:2])
        found = await after.recover(Stream(a_fill(1), a_fill(9), a_fill(10)))
        assert "another message at sequence 2" in found.faults["ledger_ahead"]


async def test_a_store_of_another_platform_is_a_fault_and_never_written(redis_server: LocalRedis) -> None:
    async with (
        a_setting(redis_server) as before,
        a_setting(redis_server, "p2") as after,
    ):
        await filled(before, *ENTRIES[:2])
        found = await after.recover(Stream(*ENTRIES))
        assert found.faults == {"platform_id": "the positions store belongs to platform 'p1', this is 'p2'"}
        with pytest.raises(OSError, match="belongs to platform 'p1'"):
            await after.store.apply(after.fold(a_fill(1)))
        assert "belongs to platform 'p1'" in after.health.ahead
        assert await after.stored() == before.expected()


async def test_a_hole_in_fill_halts_until_a_person_has_looked(redis_server: LocalRedis) -> None:
    stream = Stream(*ENTRIES[:3], None, None, *ENTRIES[3:])
    async with a_setting(redis_server) as first, a_setting(redis_server) as second:
        assert (await first.recover(stream)).halts == {"ledger_hole": "FILL no longer has 2 of its messages"}
        assert (await second.recover(stream)).halts == {}


async def test_a_redis_that_is_away_is_said_and_caught_up_when_it_returns(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        redis_server.stop()
        found = await setting.recover(Stream(*ENTRIES[:4]))
        assert found.notes[0] == "the positions store does not answer: the ledger is rebuilt from FILL"
        write = setting.fold(ENTRIES[4])
        with pytest.raises(OSError, match="redis"):
            await setting.store.apply(write)
        assert setting.health == StoreHealth(away=True)
        redis_server.start()
        await setting.store.apply(write)
        assert setting.health == StoreHealth(away=False)
        assert await setting.stored() == setting.expected()


async def test_a_store_found_ahead_after_it_was_away_is_not_overwritten(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as before, a_setting(redis_server) as after:
        await filled(before, *ENTRIES)
        after.fold(ENTRIES[0])
        with pytest.raises(OSError, match="FILL has lost entries"):
            await after.store.apply(after.fold(ENTRIES[1]))
        assert "at FILL sequence 6, the ledger at 2" in after.health.ahead
        assert await after.stored() == before.expected()


async def test_the_effects_of_the_core_fill_the_store(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        risk = Risk(PLATFORM_LIMITS, store=setting.health)
        risk.recover(setting.ledger)
        for sequence, entry in enumerate(ENTRIES, 1):
            for effect in risk.on_entry(entry, encode(entry), Receipt(NOW_NS, 0, sequence)):
                if isinstance(effect, Store):
                    await setting.store.apply(effect)
        assert await setting.stored() == setting.expected()


async def test_a_wrong_password_is_the_store_being_away_and_is_not_told_to_anybody(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server, password=SecretStr("guessed")) as setting:
        with pytest.raises(OSError, match="redis") as refused:
            await setting.store.load()
        assert "guessed" not in str(refused.value)
        assert "guessed" not in repr(setting.store.__dict__)


async def test_r71_a_store_ahead_of_fill_halts_until_a_person_has_resumed_and_then_gives_way(
    redis_server: LocalRedis,
) -> None:
    async with a_setting(redis_server) as setting:
        await filled(setting, *ENTRIES)
        stream = Stream(*ENTRIES[:3])
        found = await setting.recover(stream)
        assert "FILL has lost entries" in found.faults["ledger_ahead"]

        found = await recover(setting.store, stream, setting.platform_id, lambda message: None, resumed=True)
        assert found.faults == {}
        assert "a person has resumed: the ledger is rebuilt from FILL" in found.notes[0]
        assert found.ledger.sequence == 3
        setting.ledger = found.ledger
        assert await setting.stored() == setting.expected(), "the store is what FILL says"
        assert setting.health.ahead == ""


IDENTITY = FillIdentity(
    platform_id="p1", stream="FILL", generation=1, stores={}, who="streams", reason="first start", made_ns=1
)


async def test_a_first_start_tells_nobody_of_a_ledger_that_never_was(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        found = await setting.recover(Stream(IDENTITY))
        assert (found.notes, found.ledger.sequence) == ([], 1)


async def test_r71_the_identity_of_fill_has_a_place_and_moves_nothing(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        live = Risk(PLATFORM_LIMITS)
        setting.ledger = live.ledger
        stores = [
            each for each in live.on_entry(IDENTITY, encode(IDENTITY), Receipt(NOW_NS, 0, 1)) if isinstance(each, Store)
        ]
        stores += [
            each
            for each in live.on_entry(a_fill(1), encode(a_fill(1)), Receipt(NOW_NS, 0, 2))
            if isinstance(each, Store)
        ]
        for store in stores:
            await setting.store.apply(store)
        assert (live.ledger.sequence, live.ledger.entries, live.ledger.holes) == (2, 1, 0)
        assert set(live.ledger.accounts) == {"mm1"}
        assert await setting.stored() == setting.expected()
        rebuilt = await recover(setting.store, Stream(IDENTITY, a_fill(1)), "p1", lambda message: None)
        assert rebuilt.faults == {}
        assert documents(rebuilt.ledger) == documents(live.ledger), "live and rebuilt are the same to the byte"
