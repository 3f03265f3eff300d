"""Nobody writes into a stream what is not its own, neither itself nor by what the broker publishes in its name."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from common.bus.jetstream import JetStreamApi
from common.bus.permissions import DUTIES, USERS, acknowledgements, api_requests, sayings, speakers_of
from common.events import REGISTRY
from common.streams import JETSTREAM_API, SERVER_API, STREAMS, stream_of
from toolkit.servers.programs import NATS
from toolkit.testing.servers import programs_here, server_here

from tests.integration.connections import connected
from tests.integration.raw_users import RawUser, address, raw
from tests.integration.replays import stored
from tests.servers import Broker

OTHERS_OF_ALL = [user for user in USERS if user != "streams"]
BODIES = {"GET": b'{"seq": 1}', "MSG.NEXT": b'{"batch": 1, "no_wait": true}'}
PURGE = tuple(f"{api}.STREAM.PURGE.{stream.name}" for api in (SERVER_API, JETSTREAM_API) for stream in STREAMS)


def said(user: str) -> list[str]:
    """Return one concrete subject of everything a user may say."""
    if user not in DUTIES:
        return []
    return [".".join("x" if token == "*" else token for token in saying.subject.split(".")) for saying in sayings(user)]


def not_its_own(user: str) -> list[str]:
    """Return a subject in every stream that this user may not say, and requests that would empty one."""
    strange = [cls for cls in REGISTRY.values() if user not in [speaker for speaker, _ in speakers_of(cls)]]
    return [*[address(cls, "nobody") for cls in strange], *PURGE]


async def settled(user: RawUser) -> None:
    await user.client.flush(30)
    await user.client.flush(30)


def test_the_servers_tested_are_an_old_one_and_a_new_one() -> None:
    server_here(NATS)
    assert {name.rsplit(".", 1)[0] for name in programs_here(NATS)} >= {"NATS-2.15"}


@pytest.mark.parametrize("user", OTHERS_OF_ALL)
async def test_r70_a_message_with_a_reply_gives_no_right_to_answer_it(shared_broker: Broker, user: str) -> None:
    before = await stored(shared_broker)
    targets = not_its_own(user)
    async with raw(shared_broker, user) as listener:
        assert not await listener.may_subscribe("$SRV.>")
        inbox = f"_INBOX_{user}.x"
        await listener.client.subscribe(inbox)
        for target in targets:
            await listener.client.publish(inbox, b"", target)
            await settled(listener)
            assert not await listener.may_publish(target, b"forged"), target
    assert await stored(shared_broker) == before


@pytest.mark.parametrize("user", list(DUTIES))
async def test_r70_a_confirmation_lands_in_no_stream_and_empties_none(shared_broker: Broker, user: str) -> None:
    before = await stored(shared_broker)
    targets = not_its_own(user)
    async with raw(shared_broker, user) as speaker:
        for subject in said(user):
            for target in targets:
                await speaker.client.publish(subject, b"{}", target)
        await settled(speaker)
    after = await stored(shared_broker)
    own = Counter(stream_of(subject).name for subject in said(user))
    grown = {name: after[name][0] - before[name][0] for name in after}
    assert grown == {stream.name: own[stream.name] * len(targets) for stream in STREAMS}
    assert after["FILL"][1] in (0, 1), "nothing of the ledger is gone"


@pytest.mark.parametrize("user", OTHERS_OF_ALL)
async def test_r70_an_answer_of_the_api_lands_in_no_stream_and_empties_none(shared_broker: Broker, user: str) -> None:
    # A direct get answers with bytes that somebody chose: the most useful of all ways in.
    async with raw(shared_broker, "feed") as feed, raw(shared_broker, "risk") as risk:
        await feed.client.publish("market.v.x", b"chosen bytes")
        await risk.client.publish("fill.posting.mm1.1", b"chosen bytes")
        await settled(feed)
        await settled(risk)
    before = await stored(shared_broker)
    async with raw(shared_broker, user) as asker:
        for target in not_its_own(user):
            for request in api_requests(user):
                body = (
                    b'{"seq": 1}'
                    if "GET" in request
                    else b'{"batch": 1, "no_wait": true}'
                    if "NEXT" in request
                    else b""
                )
                for api in (JETSTREAM_API, SERVER_API):
                    await asker.client.publish(f"{api}.{request}", body, target)
            for acknowledgement in acknowledgements(user):
                await asker.client.publish(acknowledgement.replace(">", "1.1.1.0.0"), b"+NXT", target)
        await settled(asker)
    assert await stored(shared_broker) == before


@pytest.mark.parametrize("user", OTHERS_OF_ALL)
async def test_r70_nobody_makes_a_consumer_that_delivers_into_a_stream(shared_broker: Broker, user: str) -> None:
    async with raw(shared_broker, "feed") as feed:
        await feed.client.publish("market.v.x", b"chosen bytes")
        await settled(feed)
    before = await stored(shared_broker)
    async with raw(shared_broker, user) as maker:
        for stream in STREAMS:
            config = {"deliver_subject": "fill.trade.mm1.1", "ack_policy": "none", "durable_name": "mine"}
            document = json.dumps({"stream_name": stream.name, "config": config}).encode()
            for api in (JETSTREAM_API, SERVER_API):
                for verb in ("CONSUMER.CREATE.{}", "CONSUMER.CREATE.{}.mine", "CONSUMER.DURABLE.CREATE.{}.mine"):
                    subject = f"{api}.{verb.format(stream.name)}"
                    assert not await maker.may_publish(subject, document, f"_INBOX_{user}.x"), subject
    async with connected(shared_broker, "streams") as admin:
        names = (await JetStreamApi(admin).call("CONSUMER.NAMES.MARKET"))["consumers"]
    assert names == []
    assert await stored(shared_broker) == before


@pytest.mark.parametrize("user", OTHERS_OF_ALL)
async def test_r70_tracing_a_message_writes_no_more_than_its_sender_may(shared_broker: Broker, user: str) -> None:
    before = await stored(shared_broker)
    subjects = [*said(user), f"{JETSTREAM_API}.STREAM.INFO.FILL"]
    async with raw(shared_broker, user) as sender:
        for target in not_its_own(user):
            for subject in subjects:
                await sender.client.publish(subject, b"", headers={"Nats-Trace-Dest": target})
        await settled(sender)
    after = await stored(shared_broker)
    own = {stream_of(subject).name for subject in said(user)}
    assert {name: after[name] for name in after if name not in own} == {
        name: before[name] for name in before if name not in own
    }
