"""Our own topics: the picture, its parts, the past of the charts, and who may see which rows."""

from __future__ import annotations

import json

import pytest
from common.core import Receipt
from gateway.c2.content import Visibility
from gateway.c2.hub import Hub
from gateway.c2.topics import CHARTS, OWN_PARTS, PICTURE
from gateway.state.picture import picture
from gateway.testing.platform import SYMBOL
from gateway.testing.spot import Listener, SpotStory, subscription


def listening(hub: Hub, story: SpotStory, part: str, visibility: Visibility | None = None) -> Listener:
    listener = Listener(visibility or Visibility())
    hub.subscribe(listener, subscription(f"/topic/v1/{part}"), story.now_ms)
    return listener


def test_the_whole_picture_comes_at_once_and_four_times_a_second(hub: Hub, story: SpotStory) -> None:
    story.quoting()
    listener = listening(hub, story, PICTURE)
    (shown,) = listener.bodies()
    assert shown["markets"][0]["fair"]["value"] == 0.52
    for _ in range(20):
        story.later(0.05)
        hub.tick(story.now_ms)
    assert len(listener.bodies()) == 4


def test_the_past_of_the_charts_comes_once(hub: Hub, story: SpotStory) -> None:
    story.quoting()
    list(story.view.on_sample(Receipt(story.now_ns)))
    listener = listening(hub, story, CHARTS)
    story.later(1)
    hub.tick(story.now_ms)
    (lines,) = listener.bodies()
    (line,) = [each for each in lines if each["symbol"] == SYMBOL]
    assert line["points"] == [[(story.now_ms - 1_000), 0.52, 0.50, 0.54]]


@pytest.mark.parametrize("part", sorted(OWN_PARTS - {PICTURE, CHARTS}))
def test_each_part_of_the_picture_is_a_topic(hub: Hub, story: SpotStory, part: str) -> None:
    story.quoting()
    (shown,) = listening(hub, story, part).bodies()
    whole = json.loads(json.dumps(picture(story.view, story.now_ns), default=str))
    assert shown == whole[part]


def test_every_list_of_the_picture_is_a_topic(story: SpotStory) -> None:
    lists = {name for name, value in picture(story.view, story.now_ns).items() if isinstance(value, list | dict)}
    assert lists == OWN_PARTS - {PICTURE, CHARTS}


def test_who_may_see_some_bots_sees_no_row_of_another(hub: Hub, story: SpotStory) -> None:
    story.quoting()
    story.told("of one", algo_id="1")
    story.told("of three")
    (shown,) = listening(hub, story, PICTURE, Visibility(bots=frozenset({"3"}))).bodies()
    assert {row["algo_id"] for row in shown["bots"]} == {"3"}
    assert {row["text"] for row in shown["alerts"]} == {"of three"}
    assert shown["markets"] == [], "bot 1 quotes the only one"
    assert shown["services"], "what is of no bot is seen"


def test_readers_at_the_same_moment_share_one_body(hub: Hub, story: SpotStory) -> None:
    first, second = listening(hub, story, PICTURE), listening(hub, story, PICTURE)
    first.got.clear()
    second.got.clear()
    story.later(0.3)
    hub.tick(story.now_ms)
    assert first.got[0][2] is second.got[0][2]


def test_a_part_that_there_is_none_of_is_refused(hub: Hub, story: SpotStory) -> None:
    listener = listening(hub, story, "weather")
    assert [(status, body["message"]) for _, status, body in listener.refused] == [
        (404, "destination: there is no topic /topic/v1/weather")
    ]
