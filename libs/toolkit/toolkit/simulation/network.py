"""Wires between the services, the venue and the public price source: seeded delays, cuts, lost requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from common.core import Close, Http, HttpRequest, HttpResponse, Open, Send, Wire

from toolkit.simulation.bus import MS, US, Faults
from toolkit.simulation.node import Node
from toolkit.simulation.prices import BinanceTape, PricePath
from toolkit.simulation.schedule import Schedule

CONNECT_MS = 5
FEED = "feed"


class Venue(Protocol):
    """The exchange core as the network sees it: bytes and time in, outputs out."""

    def on_connect(self, connection: int, now_ns: int) -> list[object]: ...
    def on_frame(self, connection: int, data: bytes, now_ns: int) -> list[object]: ...
    def on_close(self, connection: int, now_ns: int) -> list[object]: ...
    def on_timer(self, now_ns: int) -> list[object]: ...
    def next_timer_ns(self) -> int: ...
    def on_request(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes, now_ns: int
    ) -> VenueResponse: ...
    def on_price(self, asset: str, bid_units: int, ask_units: int, now_ns: int) -> list[object]: ...
    def on_ahead(self, asset: str, units: int) -> None: ...


class VenueResponse(Protocol):
    """The exchange core's answer to a REST request."""

    status: int
    headers: dict[str, str]
    body: bytes
    outputs: list[object]


@dataclass(slots=True)
class Link:
    """One connection: frames keep their order, each direction has its own last arrival."""

    number: int
    node: Node
    life: int
    wire: Wire
    public: bool
    place: str
    """Which named venue it leads to; empty is the exchange itself."""
    streams: tuple[str, ...]
    up_ns: int = 0
    down_ns: int = 0
    open: bool = True


class MemoryNetwork:
    """All sockets of the simulation."""

    def __init__(
        self,
        schedule: Schedule,
        random: Random,
        faults: Faults,
        *,
        is_send: Callable[[object], bool],
        is_close: Callable[[object], bool],
    ) -> None:
        self.schedule, self.random, self.faults = schedule, random, faults
        self.venue: Venue | None = None
        self.named: dict[str, Venue] = {}
        """Further venues of the exchange by the part of the address that is each one's own: /venues/kraken."""
        self.after_venue: Callable[[], None] = lambda: None
        """Called after everything the venue did: checkers look at it."""
        self._is_send, self._is_close = is_send, is_close
        self._links: dict[int, Link] = {}
        self._by_wire: dict[tuple[str, str], Link] = {}
        self._numbers = 0
        self._timers_ns: dict[str, int] = {}
        """By venue: when it wants to be woken."""
        self.tapes: dict[str, BinanceTape] = {}
        self.prices_flow = True
        """False: the public streams fall silent while their connections stand and REST answers."""
        self.prices_move = True
        """False: nothing happens at the public venue, which lives and answers all the same."""
        self.public_answers = True
        """False: the public REST interface answers nothing either."""
        self.last_price_ns = 0
        self.heard_ns: dict[str, int] = {}
        """When the feed last heard something of each venue."""

    def delay_ns(self) -> int:
        if self.faults.slow and self.random.random() < self.faults.slow:
            return self.random.randrange(1 * MS, self.faults.slow_ms * MS)
        return self.random.randrange(200 * US, 2 * MS)

    # --- what nodes ask -----------------------------------------------------------------------------------------

    def open(self, node: Node, wire: Wire, effect: Open) -> None:
        parts = urlsplit(effect.url)
        public = parts.path.startswith("/binance")
        streams = tuple(dict(parse_qsl(parts.query)).get("streams", "").split("/")) if public else ()
        self._drop(self._by_wire.get((node.name, wire.name)), tell=False)
        self._numbers += 1
        place, _ = self._place_of(parts.path)
        link = Link(self._numbers, node, node.life, wire, public, place, streams)
        if self.venue is None and not public:
            node.later(CONNECT_MS * MS, lambda: node.feed(wire.on_close, "cannot connect"))
            return
        self._links[link.number] = link
        self._by_wire[(node.name, wire.name)] = link
        self.schedule.after(CONNECT_MS * MS + self.delay_ns(), lambda: self._connected(link))

    def _connected(self, link: Link) -> None:
        if not link.open or link.node.life != link.life:
            return
        if not link.public:
            self.venue_does(lambda venue: venue.on_connect(link.number, self.schedule.now_ns), link.place)
        if link.open:
            link.node.call(link.wire.on_open)

    def send(self, node: Node, effect: Send) -> None:
        link = self._by_wire.get((node.name, effect.wire))
        if link is None or not link.open:
            return
        link.up_ns = max(link.up_ns, self.schedule.now_ns + self.delay_ns())
        self.schedule.at(link.up_ns, lambda: self._arrived(link, effect.data))

    def _arrived(self, link: Link, data: bytes) -> None:
        if not link.open:
            return
        if link.public:
            self._subscribe(link, data)
        else:
            self.venue_does(lambda venue: venue.on_frame(link.number, data, self.schedule.now_ns), link.place)

    def _subscribe(self, link: Link, data: bytes) -> None:
        document = json.loads(data)
        if document.get("method") == "SUBSCRIBE":
            link.streams = (*link.streams, *document["params"])
            self._down(link, json.dumps({"result": None, "id": document.get("id")}).encode())
        elif document.get("method") == "LIST_SUBSCRIPTIONS" and self.prices_flow:
            self._down(link, json.dumps({"result": list(link.streams), "id": document.get("id")}).encode())

    def close(self, node: Node, wire: Wire, effect: Close) -> None:
        link = self._by_wire.get((node.name, wire.name))
        if link is None:
            node.later(US, lambda: node.feed(wire.on_close, effect.reason))
            return
        self._drop(link, tell=True, reason=effect.reason)

    def cut(self, node: Node) -> None:
        """Cut every connection of a dead node; the venue hears of it after a while."""
        for link in [link for link in self._links.values() if link.node is node]:
            self._drop(link, tell=False)

    def cut_all(self, public: bool) -> None:
        """Cut the connections to the venue or to the public price source."""
        for link in [link for link in self._links.values() if link.public is public]:
            self._drop(link, tell=True, reason="cut")

    def cut_place(self, place: str) -> None:
        """Cut the connections to one named venue."""
        for link in [link for link in self._links.values() if link.place == place and not link.public]:
            self._drop(link, tell=True, reason="cut")

    def cut_wire(self, name: str) -> None:
        """Cut the connections of one name, whoever has them."""
        for link in [link for link in self._links.values() if link.wire.name == name]:
            self._drop(link, tell=True, reason="cut")

    def _drop(self, link: Link | None, *, tell: bool, reason: str = "") -> None:
        if link is None or not link.open:
            return
        link.open = False
        self._links.pop(link.number, None)
        if self._by_wire.get((link.node.name, link.wire.name)) is link:
            del self._by_wire[(link.node.name, link.wire.name)]
        if not link.public:
            self.schedule.after(
                self.delay_ns(),
                lambda: self.venue_does(lambda venue: venue.on_close(link.number, self.schedule.now_ns), link.place),
            )
        if tell:
            link.node.later(self.delay_ns(), lambda: link.node.feed(link.wire.on_close, reason))

    def ask(self, node: Node, http: Http, effect: HttpRequest) -> None:
        request_lost = bool(self.faults.lost_request) and self.random.random() < self.faults.lost_request
        answer_lost = bool(self.faults.lost_answer) and self.random.random() < self.faults.lost_answer
        parts = urlsplit(effect.url)
        public = parts.path.startswith("/binance")
        if request_lost or (self.venue is None and not public):
            node.later(
                effect.timeout_ms * MS,
                lambda: node.feed(http.on_answer, HttpResponse(effect.request_id, 0, b"no answer", {})),
            )
            return

        def arrive() -> None:
            query = dict(parse_qsl(parts.query))
            if public:
                status, body, headers = self._public_answer(parts.path.removeprefix("/binance"), query)
            else:
                status, body, headers = self._venue_answer(node, effect, parts.path, query)
            if answer_lost or status == 0:
                answer, delay_ns = HttpResponse(effect.request_id, 0, b"no answer", {}), effect.timeout_ms * MS
            else:
                answer, delay_ns = HttpResponse(effect.request_id, status, body, headers), self.delay_ns()
            node.later(delay_ns, lambda: node.feed(http.on_answer, answer))

        self.schedule.after(self.delay_ns(), lambda life=node.life: arrive() if node.life == life else None)  # type: ignore[misc]

    def _venue_answer(
        self, node: Node, effect: HttpRequest, path: str, query: dict[str, str]
    ) -> tuple[int, bytes, Mapping[str, str]]:
        place, path = self._place_of(path)
        venue = self._venue_at(place)
        if venue is None:
            return 0, b"", {}
        if node.name == FEED:
            self.heard_ns[place] = self.schedule.now_ns
        headers = {name.lower(): value for name, value in effect.headers.items()}
        response = venue.on_request(effect.method, path, query, headers, effect.body, self.schedule.now_ns)
        self._deliver(response.outputs)
        self._plan_timer(place, venue)
        self.after_venue()
        return response.status, response.body, response.headers

    def _public_answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        if not self.public_answers:
            return 0, b"", {}
        if path == "/api/v3/time":
            return 200, json.dumps({"serverTime": self.schedule.now_ns // MS}).encode(), {}
        tape = self.tapes.get(query.get("symbol", ""))
        if path == "/api/v3/depth" and tape is not None:
            # A snapshot holds the price of this instant: who asked has seen it, also while the streams are silent.
            self.last_price_ns = self.schedule.now_ns
            return 200, tape.snapshot(), {}
        return 404, b"{}", {}

    # --- what the venue and the price source do -----------------------------------------------------------------

    def price_tick(self, paths: list[PricePath], *, trade: bool, ahead_ns: int) -> None:
        """Move every underlying now: the venue sees the price at once, followers of the streams a hop later."""
        now_ns = self.schedule.now_ns
        for path in paths:
            units = round(path.mid(now_ns) * 100_000_000)
            if self.venue is not None:
                self.venue.on_ahead(path.underlying.asset, round(path.mid(now_ns + ahead_ns) * 100_000_000))
                asset = path.underlying.asset
                self.venue_does(lambda venue, asset=asset, units=units: venue.on_price(asset, units, units, now_ns))  # type: ignore[misc]
            if not self.prices_move:
                continue
            frames = self.tapes[path.underlying.symbol].frames(now_ns, trade=trade)
            if self.prices_flow:
                self.last_price_ns = now_ns
                for link in [link for link in self._links.values() if link.public]:
                    for name, data in frames:
                        if name in link.streams:
                            self._down(link, data)

    def venue_does(self, action: Callable[[Venue], list[object]], place: str = "") -> None:
        """Have the exchange, or one of its named venues, do something."""
        venue = self._venue_at(place)
        if venue is None:
            return
        self._deliver(action(venue))
        self._plan_timer(place, venue)
        self.after_venue()

    def _venue_at(self, place: str) -> Venue | None:
        return self.named[place] if place else self.venue

    def _place_of(self, path: str) -> tuple[str, str]:
        """Return which named venue a path leads to, and what follows."""
        _, _, rest = path.partition("/venues/")
        name, separator, rest = rest.partition("/")
        return (name, f"{separator}{rest}") if name in self.named else ("", path)

    def _plan_timer(self, place: str, venue: Venue) -> None:
        due_ns = venue.next_timer_ns()
        if due_ns >= 1 << 61 or (self.schedule.now_ns < self._timers_ns.get(place, 0) <= due_ns):
            return
        planned = self._timers_ns[place] = max(due_ns, self.schedule.now_ns + 1)

        def due() -> None:
            if self._timers_ns[place] == planned:
                self._timers_ns[place] = 0
                self.venue_does(lambda venue: venue.on_timer(self.schedule.now_ns), place)

        self.schedule.at(planned, due)

    def _deliver(self, outputs: list[object]) -> None:
        for output in outputs:
            if self._is_send(output):
                link = self._links.get(output.connection)  # type: ignore[attr-defined]
                if link is not None:
                    self._down(link, output.data)  # type: ignore[attr-defined]
            elif self._is_close(output):
                link = self._links.get(output.connection)  # type: ignore[attr-defined]
                self._drop(link, tell=True, reason=output.reason)  # type: ignore[attr-defined]

    def _down(self, link: Link, data: bytes) -> None:
        link.down_ns = max(link.down_ns, self.schedule.now_ns + self.delay_ns())

        def arrive() -> None:
            if link.open and link.node.life == link.life:
                if link.node.name == FEED:
                    self.heard_ns[link.place] = self.schedule.now_ns
                link.node.feed(link.wire.on_frame, data)

        self.schedule.at(link.down_ns, arrive)
