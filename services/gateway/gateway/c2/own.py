"""Our own topics: the picture that the page shows, whole or by part, and the past of its charts."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from common.clock import NS_PER_MS

from gateway.c2.channels import CHANGES_MS, Channel
from gateway.c2.content import Visibility
from gateway.c2.topics import CHARTS, PICTURE
from gateway.kinds.parts import Json
from gateway.state.picture import picture
from gateway.state.rows import market_rows
from gateway.state.view import View


class Pictures:
    """The picture as it was last made: all who look within a moment share it."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._made: Json = {}
        self._made_ms = 0

    def at(self, now_ms: int) -> Json:
        """Return the whole picture, made at most so often as it is told."""
        if not self._made or now_ms - self._made_ms >= CHANGES_MS:
            self._made, self._made_ms = picture(self._view, now_ms * NS_PER_MS), now_ms
        return self._made

    def charts(self, now_ms: int) -> list[Json]:
        """Return the last minutes of every market shown: points of [time in ms, fair value, our bid, our ask]."""
        keys = [(row["algo_id"], row["venue"], row["symbol"]) for row in market_rows(self._view, now_ms * NS_PER_MS)]
        return [
            {"algo_id": key[0], "venue": key[1], "symbol": key[2], "points": self._view.history.line(key)}
            for key in keys
        ]


class OwnChannel(Channel):
    """The picture or a part of it, at once and four times a second: every number has its age."""

    replaceable: ClassVar[bool] = True

    def __init__(self, pictures: Pictures, part: str, visibility: Visibility) -> None:
        self._pictures, self._part, self._visibility = pictures, part, visibility
        self._told_ms = 0

    def begin(self, now_ms: int) -> list[bytes]:
        return [self._body(now_ms)]

    def tick(self, now_ms: int) -> list[bytes]:
        # The past of a chart does not change: its newest point is in the picture.
        if self._part == CHARTS or now_ms - self._told_ms < CHANGES_MS:
            return []
        self._told_ms = now_ms
        return [self._body(now_ms)]

    def _body(self, now_ms: int) -> bytes:
        if self._part == CHARTS:
            shown: Any = self._pictures.charts(now_ms)
        else:
            whole = self._pictures.at(now_ms)
            shown = whole if self._part == PICTURE else whole[self._part]
        return msgspec.json.encode(seen(shown, self._visibility))


def seen(document: Any, visibility: Visibility) -> Any:
    """Return a document without the rows of bots that may not be seen."""
    if visibility.bots is None:
        return document
    if isinstance(document, dict):
        return {name: seen(value, visibility) for name, value in document.items()}
    if isinstance(document, list):
        return [seen(row, visibility) for row in document if not _hidden(row, visibility)]
    return document


def _hidden(row: Any, visibility: Visibility) -> bool:
    return isinstance(row, dict) and not visibility.shows(str(row.get("algo_id") or ""))
