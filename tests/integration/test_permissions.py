"""Each service's NATS user really denies: nobody says or hears what is another's, nobody administers streams."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from common.bus.nats import NatsConnection
from common.bus.permissions import DUTIES, USERS
from common.errors import BusError, BusUnavailable
from common.events import IDENTITIES, REGISTRY
from common.streams import DURABLES, STREAMS
from common.testing.events import fill
from nats.aio.msg import Msg

from tests.integration.connections import alert, connected, eventually, halt, top
from tests.integration.raw_users import address, raw
from tests.servers import Broker

SERVICES = sorted(DUTIES)

# Who may say what, as the design has it; written out, so that a slip in the code's own table shows.
SPEAKERS: dict[str, set[str]] = {
    "TopOfBook": {"feed"},
    "Book": {"feed"},
    "FeedStatus": {"feed"},
    "Trade": {"feed"},
    "Market": {"feed"},
    "FairValue": {"pricer"},
    "SourcePrice": {"pricer"},
    "QuoteTarget": {"quoter"},
    "OwnDepth": {"quoter"},
    "OrderCommand": {"risk"},
    "OrderUpdates": {"quoter"},
    "HedgeUpdate": {"quoter"},
    "TransferCommand": {"risk", "gateway"},
    "TransferUpdate": {"quoter"},
    "Fill": {"quoter"},
    "Posting": {"risk", "quoter"},
    "AccountState": {"quoter"},
    "Position": {"risk"},
    "Statistics": {"risk"},
    "TradingStatistics": {"risk"},
    "RiskStatistics": {"risk"},
    "Halt": {"pricer", "quoter", "watchdog", "risk", "gateway"},
    "RiskState": {"risk"},
    "Adjustment": {"gateway"},
    "Alert": set(SERVICES),
    "BotConfig": {"gateway"},
    "PlatformConfig": {"gateway"},
    "User": {"gateway"},
    "Lease": {"feed", "pricer", "quoter", "risk"},
    "Audit": set(SERVICES),
    "Parked": set(SERVICES),
}


@pytest.mark.parametrize("user", SERVICES)
async def test_a_service_may_publish_what_it_owns_and_nothing_else(shared_broker: Broker, user: str) -> None:
    async with raw(shared_broker, user) as client:
        said = {name for name, cls in REGISTRY.items() if await client.may_publish(address(cls, user))}
    assert said == {name for name, speakers in SPEAKERS.items() if user in speakers}


@pytest.mark.parametrize("user", ["operator", "streams"])
async def test_the_operator_says_nothing_and_the_streams_step_whose_the_stores_are(
    shared_broker: Broker, user: str
) -> None:
    said = {cls.__name__ for cls in IDENTITIES.values()} if user == "streams" else set()
    async with raw(shared_broker, user) as client:
        assert {name for name, cls in REGISTRY.items() if await client.may_publish(address(cls, "risk"))} == said


@pytest.mark.parametrize("user", SERVICES)
async def test_a_service_hears_what_it_needs_and_nothing_else(shared_broker: Broker, user: str) -> None:
    async with raw(shared_broker, user) as client:
        heard = {
            name
            for name, cls in REGISTRY.items()
            if await client.may_subscribe(".".join("*" if t.startswith("{") else t for t in cls.subject.split(".")))
        }
        assert heard == {cls.__name__ for cls in DUTIES[user].hears}
        assert not await client.may_subscribe(">")
        assert not await client.may_subscribe("fill.>")


async def test_only_the_gateway_hears_and_reads_the_users(shared_broker: Broker) -> None:
    for user in USERS:
        async with raw(shared_broker, user) as client:
            assert await client.may_subscribe("user.*") == (user == "gateway"), user
            if user == "streams":  # made the password file's user what it is: whoever has it may do everything
                continue
            for prefix in ("streams", "$JS.API"):
                direct = await client.may_publish(f"{prefix}.DIRECT.GET.USER", b"{}")
                assert direct == (user == "gateway" and prefix == "streams"), user
                assert not await client.may_publish(f"{prefix}.CONSUMER.CREATE.USER", b"{}"), user
                assert not await client.may_publish(f"{prefix}.STREAM.MSG.GET.USER", b"{}"), user


@pytest.mark.parametrize("user", [user for user in USERS if user != "streams"])
async def test_streams_are_administered_by_nobody_but_the_streams_step(shared_broker: Broker, user: str) -> None:
    requests = [
        "STREAM.CREATE.MINE",
        "STREAM.DELETE.FILL",
        "STREAM.UPDATE.FILL",
        "STREAM.PURGE.FILL",
        "STREAM.MSG.DELETE.FILL",
        "STREAM.SNAPSHOT.FILL",
        "STREAM.RESTORE.FILL",
        "CONSUMER.DELETE.FILL.risk-ledger",
        "CONSUMER.CREATE.FILL",
        "CONSUMER.CREATE.FILL.mine",
        "CONSUMER.DURABLE.CREATE.FILL.mine",
    ]
    async with raw(shared_broker, user) as client:
        for prefix in ("streams", "$JS.API"):
            assert [verb for verb in requests if await client.may_publish(f"{prefix}.{verb}", b"{}")] == []
        for way in ("ACK.FILL.x.1.1", "RESTORE.FILL.x"):
            assert not await client.may_publish(f"$JS.SNAPSHOT.{way}", b"")


@pytest.mark.parametrize("user", USERS)
async def test_only_the_owner_of_a_durable_reader_pulls_from_it_and_acknowledges(
    shared_broker: Broker, user: str
) -> None:
    async with raw(shared_broker, user) as client:
        for reader in DURABLES:
            pull = f"CONSUMER.MSG.NEXT.{reader.stream}.{reader.name}"
            prefix = "$JS.API" if user == "streams" else "streams"
            owner = user in (reader.owner, "streams")
            assert await client.may_publish(f"{prefix}.{pull}", b'{"no_wait": true}') == owner
            acknowledge = f"$JS.ACK.{reader.stream}.{reader.name}.1.999999.999999.0.0"
            assert await client.may_publish(acknowledge) == (user == reader.owner)


@pytest.mark.parametrize("user", USERS)
async def test_nobody_hears_the_answers_meant_for_another(shared_broker: Broker, user: str) -> None:
    async with raw(shared_broker, user) as client:
        for other in USERS:
            assert await client.may_subscribe(f"_INBOX_{other}.>") == (user == other)


@pytest.mark.parametrize("user", SERVICES)
async def test_a_service_may_take_only_leases_of_its_roles(shared_broker: Broker, user: str) -> None:
    async with raw(shared_broker, user) as client:
        taken = {role for role in SERVICES if await client.may_publish(f"lease.{role}.x")}
    assert taken == set(DUTIES[user].leases)


async def test_an_audit_record_names_its_true_author(shared_broker: Broker) -> None:
    async with raw(shared_broker, "feed") as client:
        assert await client.may_publish("audit.feed")
        assert not await client.may_publish("audit.gateway")
        assert not await client.may_publish("parked.risk")


async def test_the_operator_can_look_at_everything(shared_broker: Broker) -> None:
    async with connected(shared_broker, "gateway") as gateway:
        await gateway.publish_acked(halt("person"))
    async with connected(shared_broker, "operator") as operator:

        async def ask(verb: str, **document: object) -> dict[str, object]:
            answer = await operator.request(f"streams.{verb}", json.dumps(document).encode())
            found: dict[str, object] = json.loads(answer.data)
            assert "error" not in found, found
            return found

        names: Iterable[str] = (await ask("STREAM.NAMES"))["streams"]  # type: ignore[assignment]
        assert set(names) == {stream.name for stream in STREAMS}
        await ask("STREAM.LIST")
        await ask("STREAM.INFO.RISK", subjects_filter=">")
        await ask("STREAM.MSG.GET.RISK", last_by_subj="risk.halt.global.person")
        await ask("CONSUMER.NAMES.FILL")
        await ask("CONSUMER.LIST.FILL")
        await ask("CONSUMER.INFO.FILL.risk-ledger")
    async with raw(shared_broker, "operator") as client:
        for subject in ("fill.>", "alert.>", "risk.halt.>", "md.top.*.*", "_INBOX.>"):
            assert await client.may_subscribe(subject), subject


async def test_the_operator_hears_what_every_service_says(shared_broker: Broker) -> None:
    heard: set[str] = set()

    async def note(message: Msg) -> None:
        heard.add(message.subject)

    async with (
        connected(shared_broker, "operator") as operator,
        connected(shared_broker, "feed") as feed,
        connected(shared_broker, "quoter") as quoter,
        connected(shared_broker, "risk") as risk,
    ):
        for subject in ("md.>", "fill.>", "risk.>", "alert.>"):
            await operator.subscribe(subject, note)
        await asked(operator)
        await feed.publish(top("S", 1))
        await quoter.publish_acked(fill(1))
        await risk.publish_acked(halt("operator-hears"))
        await quoter.publish_acked(halt("operator-hears-too"))
        await risk.publish_acked(alert("note"))
        expected = {
            "md.top.v.S", "fill.trade.mm1.1", "risk.halt.global.operator-hears",
            "risk.halt.global.operator-hears-too", "alert.info.platform",
        }  # fmt: skip
        await eventually(lambda: expected <= heard, f"all of {expected}")


async def asked(connection: NatsConnection) -> None:
    """Return when the broker has dealt with everything this connection wrote."""
    await connection.request("streams.STREAM.INFO.RISK", b"")


async def test_wrong_credentials_are_an_error_and_not_a_wait(
    shared_broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wrong = tmp_path_factory.mktemp("wrong") / "password"
    wrong.write_text("wrong")
    settings = shared_broker.settings("risk").model_copy(update={"nats_password_file": wrong})
    with pytest.raises(BusError, match="refused user risk"):
        await NatsConnection(settings, "risk").connect()


async def test_a_request_the_broker_forbids_is_an_error_with_its_subject(shared_broker: Broker) -> None:
    async with connected(shared_broker, "feed") as feed:
        with pytest.raises(BusUnavailable, match=r"STREAM\.DELETE\.FILL"):
            await feed.request("streams.STREAM.DELETE.FILL", b"", timeout_s=0.2)
