"""Backups of the streams on every server found: whole, this platform's, finished, or refused with the reason."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from common.bus.jetstream import JetStreamApi
from common.bus.messages import message_of
from common.events import IDENTITIES, Fill, Lease, LeaseIdentity, decode
from common.signing import Refusal
from common.streams import STREAMS
from common.streams.__main__ import back_up, restore
from common.streams.backup import CONTENTS, KEPT, BackupError
from common.testing.events import fill

from tests.integration.connections import connected, halt
from tests.servers import Broker, make_streams

WORD = ("--who", "ann", "--reason", "drill")


def step(broker: Broker, *arguments: str) -> str:
    return make_streams(broker, *arguments).stdout


async def held(broker: Broker, stream: str) -> list[tuple[int, str, bytes]]:
    async with connected(broker, "streams") as admin:
        api = JetStreamApi(admin)
        return [(each.sequence, each.subject, each.data) async for each in api.read(stream, 0)]


async def said_fills(broker: Broker, first: int, last: int) -> None:
    async with connected(broker, "quoter") as quoter:
        for number in range(first, last + 1):
            await quoter.publish_acked(fill(number))


async def identity(broker: Broker) -> LeaseIdentity:
    async with connected(broker, "streams") as admin:
        stored = await JetStreamApi(admin).last("LEASE", LeaseIdentity.subject)
    assert stored is not None
    return decode(LeaseIdentity, stored.data)


def test_what_nobody_could_make_anew_is_in_a_backup() -> None:
    assert set(KEPT) >= {stream.name for stream in STREAMS if stream.acked and not stream.max_age_s}
    assert set(KEPT) >= set(IDENTITIES)
    assert KEPT[-1] == "FILL", "it has what the others speak of"


async def test_r71_streams_come_back_as_they_were_and_everybody_is_told_to_stand_still(
    broker: Broker, tmp_path: Path
) -> None:
    folder = tmp_path / "saved"
    async with connected(broker, "gateway") as gateway:
        await gateway.publish_acked(halt("person"))
    await said_fills(broker, 1, 300)
    before = {stream: await held(broker, stream) for stream in ("FILL", "RISK")}
    said = await asyncio.to_thread(step, broker, "backup", str(folder))
    assert f"8 of 8: FILL, {len(before['FILL'])} messages up to sequence 301" in said
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    await said_fills(broker, 301, 310)
    async with connected(broker, "streams") as admin:
        for each in STREAMS:
            await JetStreamApi(admin).call(f"STREAM.DELETE.{each.name}")
    said = await asyncio.to_thread(step, broker, "restore", str(folder), *WORD)
    assert "stores: generation 2, from the backup of" in said
    for stream, messages in before.items():
        now = await held(broker, stream)
        assert now[: len(messages)] == messages
        assert [subject for _, subject, _ in now[len(messages) :]] == [IDENTITIES[stream].subject]
    word = await identity(broker)
    assert (word.generation, word.who, word.reason) == (2, "ann", "drill")
    assert word.restored.startswith("the backup of ")
    async with connected(broker, "risk") as risk:
        assert await JetStreamApi(risk).verify_streams(replicas=1) == [], "the others are made, and the ledger's reader"
    told = json.loads(await asyncio.to_thread(step, broker, "report"))
    assert told["standing"] == "changed"
    assert any(fault.startswith("the stores were brought back from the backup of") for fault in told["faults"])
    said = await asyncio.to_thread(step, broker, "renew", *WORD)
    assert "stores: generation 3" in said
    assert (await identity(broker)).restored == ""
    assert json.loads(await asyncio.to_thread(step, broker, "report"))["faults"] == []


async def test_r71_a_backup_made_under_load_has_whatever_was_confirmed_before_it(
    broker: Broker, tmp_path: Path
) -> None:
    folder = tmp_path / "saved"
    await said_fills(broker, 1, 200)
    ending = asyncio.Event()

    async def go_on() -> int:
        number = 200
        async with connected(broker, "quoter") as quoter:
            while not ending.is_set():
                number += 1
                await quoter.publish_acked(fill(number))
        return number

    talking = asyncio.create_task(go_on())
    try:
        await back_up(broker.settings("streams"), folder)
    finally:
        ending.set()
        last = await talking
    await bring_back(broker, folder)
    fills = [data for _, subject, data in await held(broker, "FILL") if subject.startswith("fill.trade")]
    assert last > 200, "there was load"
    assert 200 <= len(fills) <= last
    assert len(set(fills)) == len(fills)


async def bring_back(broker: Broker, folder: Path, *, replace: bool = True) -> None:
    await restore(broker.settings("streams"), folder, "ann", "drill", replace=replace)


async def test_r71_a_backup_that_is_half_damaged_or_anothers_changes_nothing(broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    await said_fills(broker, 1, 3)
    before = await held(broker, "FILL")
    await back_up(broker.settings("streams"), folder)
    contents = (folder / CONTENTS).read_text()
    fills = folder / "FILL.archive"
    archive = fills.read_bytes()

    async def refused(words: str) -> None:
        with pytest.raises(BackupError, match=words):
            await bring_back(broker, folder)
        assert await held(broker, "FILL") == before

    (folder / CONTENTS).unlink()
    await refused("the backup was not finished")
    (folder / CONTENTS).write_text(contents[:-20])
    await refused("is damaged")
    (folder / CONTENTS).write_text(contents.replace('"platform_id": "tests"', '"platform_id": "others"'))
    await refused("is of platform 'others', this is 'tests'")
    (folder / CONTENTS).write_text(contents)
    fills.write_bytes(archive[:-1])
    await refused(f"has {len(archive) - 1} bytes, {len(archive)} were written")
    fills.write_bytes(bytes([*archive[:-9], archive[-9] ^ 1, *archive[-8:]]))
    await refused("is damaged: its SHA-256 is not the one written beside it")
    fills.unlink()
    await refused("No such file or directory")
    fills.write_bytes(archive)
    document = json.loads(contents)
    headers = document["word"]["headers"]
    document["word"]["headers"] = {name: headers[name] for name in headers if name.startswith("Nats-")}
    (folder / CONTENTS).write_text(json.dumps(document))
    await refused("the identity in it is not this platform's: no signature")
    with pytest.raises(BackupError, match="is there already"):
        await back_up(broker.settings("streams"), folder)


async def test_r71_what_streams_hold_is_replaced_only_when_somebody_says_so(broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    with pytest.raises(BackupError, match="there is no backup"):
        await bring_back(broker, folder)
    await back_up(broker.settings("streams"), folder)
    await said_fills(broker, 1, 3)
    with pytest.raises(BackupError, match=r"FILL \(4 messages\)"):
        await bring_back(broker, folder, replace=False)
    assert len(await held(broker, "FILL")) == 4
    await bring_back(broker, folder)
    assert len(await held(broker, "FILL")) == 2


async def test_r71_nothing_is_brought_back_under_a_service_that_works(broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    await back_up(broker.settings("streams"), folder)
    async with connected(broker, "risk") as risk:
        lease = Lease(role="risk", key="0", holder="risk-0", beat=1, ttl_ms=60_000, epoch=1)
        await risk.publish_acked(lease, expected_last_sequence=0)
        with pytest.raises(BackupError, match="risk/0 works: stop the services first"):
            await bring_back(broker, folder)
        await risk.publish_acked(msgspec.structs.replace(lease, holder="", beat=2), expected_last_sequence=2)
    await bring_back(broker, folder)


async def test_r71_a_key_made_after_the_backup_signs_what_follows_it(broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    await said_fills(broker, 1, 3)
    await back_up(broker.settings("streams"), folder)
    await said_fills(broker, 4, 9)
    old = broker.keyring.key_of("quoter")
    async with connected(broker, "streams") as admin:
        ends = {level.stream: level.last_sequence for level in await JetStreamApi(admin).levels()}
    new = broker.keyring.list_new("quoter", "quoter", ends)
    broker.keyring.place(new, broker.keyring.places.signing_keys["quoter"])
    broker.keyring.end(old.key_id, ends)
    await bring_back(broker, folder)
    async with connected(broker, "streams") as admin:
        ends = {level.stream: level.last_sequence for level in await JetStreamApi(admin).levels()}
    assert await disputed(broker, 10) == "holds after FILL sequence 10", "it would be disputed for ever"
    assert broker.keyring.rewind(ends)
    assert await disputed(broker, 11) == ""
    assert not broker.keyring.rewind({stream: end + 5 for stream, end in ends.items()}), "nothing reaches beyond"
    thief = old.key_id
    key = broker.keyring.read().find(thief)
    assert key is not None
    assert key.valid_until["FILL"] == ends["FILL"], "and signs nothing where it once held"


async def disputed(broker: Broker, number: int) -> str:
    """Say a fill, and return what a reader says against it."""
    async with connected(broker, "quoter") as quoter:
        sequence = await quoter.publish_acked(fill(number))
        stored = await JetStreamApi(quoter).after("FILL", "fill.trade.>", sequence - 1)
        assert stored is not None
        assert quoter.keys is not None
        found = quoter.keys.verifier.check(message_of(stored), Fill)
    return found.reason.partition(" ")[2] if isinstance(found, Refusal) else ""
