"""What the venue has and the books lack is told before anything of it is booked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from common.core import AnswerLater, Command, Effects
from common.events import Fill
from common.orders import first_id_of
from quoter.testing.script import MARKET, Script
from quoter.testing.venue import Venue, VenueOrder
from quoter.venues.template import SilentSession
from quoter.views.lookback import WAIT_MAX_NS


def stood_still(venue: Venue) -> Script:
    """Return a quoter that has not begun and stands still for its stores."""
    script = Script(venue)
    script.carry(script.core.on_stand_still(["FILL is not there"], script.receipt()))
    script.wait(500, feeding=False)
    return script


def since(script: Script, document: Mapping[str, Any]) -> Effects:
    [command] = [each for each in script.doors.inputs() if isinstance(each, Command) and each.name == "since"]
    assert command.early, "nothing has begun"
    return command.handler(document, script.receipt())


def executed(venue: Venue, *sizes: int) -> VenueOrder:
    order = VenueOrder("1", str(first_id_of(2) + 5), MARKET, "bid", "yes", "0.40", 100, True)
    for size in sizes:
        venue.fill(order, size)
    return order


def test_r73_what_will_be_filled_in_is_told_while_everybody_stands_still() -> None:
    venue = Venue()
    order = executed(venue, 10)
    booked = venue.sequence
    venue.fill(order, 20)
    venue.fill(order, 5)
    venue.convert(MARKET, 3)
    script = stood_still(venue)
    script.carry(since(script, {"after": {"mm1": booked, "mm2": 7}}))
    script.wait(500, feeding=False)
    [told] = script.answered[-1].document["accounts"]
    assert told == {
        "account": "mm1",
        "after": booked,
        "place": venue.sequence,
        "fills": 2,
        "conversions": 1,
        "unread": 0,
        "cash_total": venue.cash,
        "lots": [{"symbol": MARKET, "side": "buy", "outcome": "yes", "lots": 25}],
    }
    assert script.of(Fill) == [], "nothing of it is booked in a stream that may not be ours"


def test_r73_with_nothing_booked_all_that_ever_happened_will_be_filled_in() -> None:
    venue = Venue()
    executed(venue, 10, 20)
    script = stood_still(venue)
    script.carry(since(script, {}))
    script.wait(500, feeding=False)
    [told] = script.answered[-1].document["accounts"]
    assert (told["after"], told["fills"]) == (0, 2)


def test_r73_a_venue_that_does_not_answer_is_said_not_to() -> None:
    script = stood_still(Venue())
    effects = list(since(script, {}))
    assert type(effects[0]) is AnswerLater
    script.wait(WAIT_MAX_NS // 1_000_000 + 50, feeding=False)
    assert script.answered[-1].document == {"accounts": [{"account": "mm1", "why": "the venue does not answer"}]}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"after": {"mm1": -1}}, "after: must name places"),
        ({"after": {"mm1": True}}, "after: must name places"),
        ({"after": 7}, "after: must name places"),
        ({"since": {}}, "since: must be one of after"),
    ],
)
def test_r73_a_place_that_is_none_is_refused_by_name(document: Mapping[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        list(since(Script(), document))


def test_r73_a_session_that_cannot_be_asked_says_so() -> None:
    script = Script()
    script.core.lookback._session = SilentSession("wss://silent")
    with pytest.raises(ValueError, match="silent does not tell what happened after 0 before its session begins"):
        list(since(script, {}))
