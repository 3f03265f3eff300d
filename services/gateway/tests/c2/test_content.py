"""What goes into the topics, as programs written against C2 read it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from c2wire.enums import ConfigType
from c2wire.schemas import reference, schemas
from common.bots.spot import FxAggregation, HedgeStrategy, SourceAggregation
from common.events import AlertLevel, ExecutionStyle
from common.instruments import Side
from common.testing.spot import PLATFORM_DOCUMENTS
from gateway.api.c2.asyncapi import TOLD, document, message_of
from gateway.c2.hub import Hub
from gateway.c2.rows import LEVELS
from gateway.c2.topics import topic_of
from gateway.testing.spot import Listener, SpotStory, subscription
from jsonschema import Draft202012Validator

DESTINATIONS = (
    "/user/topic/source-market-data/3",
    "/user/topic/target-market-data/3",
    "/user/topic/hedger-market-data/3",
    "/user/topic/fx-market-data/3",
    "/topic/quotes/3",
    "/user/topic/quotes/3",
    "/topic/trading-statistics",
    "/topic/risk-statistics",
    "/topic/alerts",
    "/user/topic/orders/3",
    "/user/topic/trades/3",
    "/topic/balances",
    "/topic/balances/3",
)


def first(hub: Hub, story: SpotStory, destination: str) -> Any:
    """Return the first body of a destination, read by a reader that takes strict JSON alone."""
    listener = Listener()
    hub.subscribe(listener, subscription(destination), story.now_ms)
    (told, status, body) = listener.got[0]
    assert (told, status) == (destination, 200)
    return msgspec.json.decode(body)


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_c2_i1_i2_i3_i7_i9_each_topic_is_strict_json_under_its_name_with_a_status(
    hub: Hub, story: SpotStory, destination: str
) -> None:
    story.told('said "twice",\n and again', AlertLevel.INFO)
    story.executed(1, Side.BUY, 8_990_000, 60, "t1")
    said = first(hub, story, destination)
    found = document()
    message = found["components"]["messages"][message_of(TOLD[topic_of(destination).kind])]
    Draft202012Validator(message["payload"] | {"components": found["components"]}).validate(said)
    assert said, "nothing to hold to the schema"


def test_c2_t1_each_update_holds_to_its_schema(hub: Hub, story: SpotStory) -> None:
    listener = Listener()
    hub.subscribe(listener, subscription("/topic/config"), story.now_ms)
    for kind, document_id in PLATFORM_DOCUMENTS:
        story.document(kind, document_id, PLATFORM_DOCUMENTS[kind, document_id])
    stored = story.view.bots["3"].event
    story.tell(story.view.on_bot, msgspec.structs.replace(stored, removed=True, revision=stored.revision + 1))
    hub.tick(story.now_ms + 1_000)
    updates = listener.bodies()
    assert {update["config_type"] for update in updates} == {each.value for each in ConfigType}
    for update in updates:
        Draft202012Validator(reference("ConfigUpdate") | {"components": {"schemas": schemas()}}).validate(update)


def test_c2_i6_an_alert_says_its_level_and_how_long_it_has_lasted(hub: Hub, story: SpotStory) -> None:
    story.told("first")
    story.told("second", duration_ms=1_500)
    assert [(row["level"], row["duration"], row["color"]) for row in first(hub, story, "/topic/alerts")] == [
        ("WARNING", 1_500, None),
        ("WARNING", None, None),
    ]


def test_c2_s2_2_8_quotes_have_an_entry_per_size_and_open_orders_are_what_the_book_of_quotes_holds(
    hub: Hub, story: SpotStory
) -> None:
    """Bot 3 has two sizes a side, 0.1 and 0.2."""
    entries = first(hub, story, "/topic/quotes/3")["entries"]
    orders = first(hub, story, "/user/topic/orders/3")
    for side in ("buy", "sell"):
        quoted = [Decimal(each["quantity"]) for each in entries if each["side"] == side]
        leaves = [
            Decimal(order["size"]) - Decimal(order["executed_size"])
            for order in orders
            if order["side"].lower() == side and order["order_status"] in ("NEW", "PARTIALLY_FILLED")
        ]
        assert sorted(quoted) == sorted(leaves) == [Decimal("0.1"), Decimal("0.2")]


def test_c2_s2_2_6_orders_and_their_trades_are_named_by_the_same_digits(hub: Hub, story: SpotStory) -> None:
    story.executed(1, story.quote(1, Side.BUY, 8_990_000, leaves=40).side, 8_990_000, 60, "t1")
    (trade,) = first(hub, story, "/user/topic/trades/3")
    orders = {row["correlation_id"] for row in first(hub, story, "/user/topic/orders/3")}
    assert trade["order_correlation_id"] in orders and all(each.isdecimal() for each in orders)


def test_c2_enum_source_aggregation_enum_fx_aggregation_enum_hedge_strategy_enum_execution_style() -> None:
    assert {each.value for each in SourceAggregation} == {
        *("BEST_AGGREGATED", "BEST_SINGLE", "WORST_SINGLE", "BBO", "MID_PT", "REPLICATION"),
    }
    assert [each.value for each in FxAggregation] == ["BBO"]
    assert [each.value for each in HedgeStrategy] == ["LIMIT"]
    assert {each.value for each in ExecutionStyle} == {"LEAN", "PASSIVE", "CROSS_MARKET"}


def test_c2_enum_alert_level_is_that_of_known_programs() -> None:
    assert set(LEVELS.values()) == {"INFO", "WARNING", "ERROR"}
    assert set(LEVELS) == set(AlertLevel)
