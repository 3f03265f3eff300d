"""Every topic of C2's table, and the answers to paths that are none."""

from __future__ import annotations

import pytest
from gateway.c2.topics import Topic, TopicError, TopicKind, topic_of


@pytest.mark.parametrize(
    ("destination", "topic"),
    [
        ("/topic/config", Topic(TopicKind.CONFIG)),
        ("/user/topic/source-market-data/1", Topic(TopicKind.SOURCE, "1")),
        ("/user/topic/target-market-data/1", Topic(TopicKind.TARGET, "1")),
        ("/user/topic/hedger-market-data/1", Topic(TopicKind.HEDGER, "1")),
        ("/user/topic/fx-market-data/1", Topic(TopicKind.FX, "1")),
        ("/topic/quotes/1", Topic(TopicKind.QUOTES, "1")),
        ("/user/topic/quotes/1", Topic(TopicKind.QUOTES, "1")),
        ("/topic/trading-statistics", Topic(TopicKind.TRADING_STATISTICS)),
        ("/topic/risk-statistics", Topic(TopicKind.RISK_STATISTICS)),
        ("/topic/alerts", Topic(TopicKind.ALERTS)),
        ("/user/topic/orders/12", Topic(TopicKind.ORDERS, "12")),
        ("/user/topic/trades/12", Topic(TopicKind.TRADES, "12")),
        ("/topic/balances", Topic(TopicKind.BALANCES)),
        ("/topic/balances/3", Topic(TopicKind.BALANCES, "3")),
        ("/user/topic/responses", Topic(TopicKind.RESPONSES)),
    ],
)
def test_c2_a11_i1_i2_i3_a_destination_says_what_it_asks_for(destination: str, topic: Topic) -> None:
    assert topic_of(destination) == topic


@pytest.mark.parametrize(
    ("destination", "status", "rule"),
    [
        ("/topic/weather", 404, "there is no topic /topic/weather"),
        ("/topic/alerts/3", 404, "there is no topic"),
        ("", 404, "there is no topic"),
        ("/user/topic/orders", 400, "needs the id of a bot"),
        ("/user/topic/orders/", 400, "must be a number of up to 18 digits"),
        ("/user/topic/orders/one", 400, "must be a number of up to 18 digits, is 'one'"),
        ("/user/topic/orders/-1", 400, "must be a number"),
        ("/user/topic/orders/1234567890123456789", 400, "must be a number"),
        ("/topic/balances/x", 400, "must be a number"),
    ],
)
def test_a_destination_that_cannot_be_had_names_the_rule(destination: str, status: int, rule: str) -> None:
    with pytest.raises(TopicError, match=rule) as raised:
        topic_of(destination)
    assert raised.value.status == status
