"""State what every market a bot may quote is worth or costs, on each tick of its source and as time goes by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from common.bots import sections_of
from common.core import Command, Core, Effect, Effects, Every, Input, Newest, Ordered, Receipt, Sample
from common.errors import ConfigError
from common.events import (
    Alert,
    AlertLevel,
    Book,
    BotConfig,
    FeedStatus,
    Halt,
    Lease,
    Market,
    MarketStatus,
    OwnDepth,
    TopOfBook,
)
from common.leases.fence import EpochFence

from pricer.kind import Output
from pricer.kinds import KINDS
from pricer.library import Library
from pricer.roster import AnyKind, PricedBot, Roster
from pricer.sources.aggregation import BookSource, VenueFeed
from pricer.sources.venues import Venues

# A bot's interval is kept to the next multiple of this.
TIMER_PERIOD_MS = 20

HALT_REASON = "exception"


class Pricer(Core):
    """Prices of every open market for every bot that it belongs to, running or not."""

    def __init__(
        self,
        price_venues: Sequence[str] = (),
        library: Library | None = None,
        *,
        quoted_venues: Sequence[str] = (),
        kinds: Sequence[type[AnyKind]] = KINDS,
        venues: Venues | None = None,
    ) -> None:
        self._price_venues = tuple(price_venues)
        self._quoted_venues = tuple(quoted_venues) if any(kind.own_books for kind in kinds) else ()
        self._library = library or Library()
        self._roster = Roster(self._library, kinds, venues or Venues())
        self._depth_venues: Sequence[str | None] = ()
        """Where books are listened to; None is everywhere."""
        if any(kind.depth for kind in kinds):
            self._depth_venues = (*price_venues, *quoted_venues) or (None,)
        self._moved: dict[Output, PricedBot] = {}
        """Whose books have changed in this burst."""
        self._fence = EpochFence()
        self._halts_sent = 0
        self._may_speak = True
        self._ticks = 0
        self._values: dict[str, int] = {}
        self._dropped = {"unusable_market": 0, "invalid_config": 0, "too_many_venues": 0}

    def inputs(self) -> Sequence[Input]:
        # Markets have tops of book too, and each of our own quotes moves them: where the venues that prices come
        # from are known, the others are only listened to when some kind is priced from them.
        tops = [Newest(TopOfBook, self.on_top, {"venue": venue}) for venue in self._price_venues]
        if tops:
            tops += [Newest(TopOfBook, self.on_top, {"venue": venue}) for venue in self._quoted_venues]
        depth: list[Input] = [
            Newest(Book, self.on_book, {} if venue is None else {"venue": venue}) for venue in self._depth_venues
        ]
        if depth:
            depth.append(Newest(OwnDepth, self.on_own_depth))
        return [
            Ordered(BotConfig, self.on_bot),
            Ordered(Market, self.on_market),
            Ordered(Halt, self.on_halt),
            Newest(Lease, self.on_lease),
            Newest(FeedStatus, self.on_status),
            *(tops or [Newest(TopOfBook, self.on_top)]),
            *depth,
            Every(TIMER_PERIOD_MS, self.on_timer),
            Command("reload", self.on_reload),
            Command("quotes", self.on_quotes),
        ]

    def on_top(self, top: TopOfBook, receipt: Receipt) -> Effects:
        """Price anew what depends on this book, for each bot that prices it from here."""
        source = self._roster.source(top.venue, top.symbol)
        if source is None:
            return ()
        if not self._admits(source.feed, top.epoch):
            return ()
        self._ticks += 1
        source.update(top, receipt.now_ns, receipt.age_ns)
        effects: list[Effect] = []
        for bot, output in self._roster.pricing_from(source):
            if output.prices_from(source):
                effects += self._price(bot, output, receipt.now_ns)
        return effects

    def on_book(self, book: Book, receipt: Receipt) -> Effects:
        """Take a book in; who prices from it does so once, when all that came with it is known."""
        source = self._roster.book(book.venue, book.symbol)
        if source is not None and self._admits(source.feed, book.epoch):
            self._ticks += 1
            source.update(book, receipt.now_ns, receipt.age_ns)
            self._note_moved(source)
        return ()

    def on_own_depth(self, statement: OwnDepth, receipt: Receipt) -> Effects:
        """Take our own orders out of a book."""
        feed = self._roster.feed(statement.venue)
        if feed is not None and self._fence.passes("quoter", statement.account, statement.epoch):
            source = feed.on_own_depth(statement, receipt.now_ns - receipt.age_ns)
            if source is not None:
                self._note_moved(source)
        return ()

    def _note_moved(self, source: BookSource) -> None:
        for bot, output in self._roster.pricing_from(source):
            self._moved[output] = bot

    def after_burst(self, receipt: Receipt) -> Effects:
        """Price once from all the books that came together."""
        if not self._moved:
            return ()
        moved, self._moved = self._moved, {}
        return [effect for output, bot in moved.items() for effect in self._price(bot, output, receipt.now_ns)]

    def on_lease(self, lease: Lease, receipt: Receipt) -> Effects:
        self._fence.on_lease(lease)
        return ()

    def _admits(self, feed: VenueFeed, epoch: int) -> bool:
        """Say whether a sender of this epoch may speak for a venue; with a newer one the feed has restarted."""
        if not self._fence.passes("feed", feed.venue, epoch):
            return False
        feed.begin(epoch)
        return True

    def on_timer(self, receipt: Receipt) -> Effects:
        """Time itself moves the values, and a source that falls silent is noticed only here."""
        effects: list[Effect] = [*self._fence.alerts("pricer", receipt.now_ns)]
        for bot, output in self._roster.outputs():
            if output.due(receipt.now_ns):
                effects += self._price(bot, output, receipt.now_ns)
            effects += self._alerts(bot, output, receipt.now_ns)
        return effects

    def on_status(self, status: FeedStatus, receipt: Receipt) -> Effects:
        feed = self._roster.feed(status.venue)
        if feed is None:
            self._dropped["too_many_venues"] += 1
        elif self._admits(feed, status.epoch):
            feed.update(status, receipt.now_ns - receipt.age_ns)
        return ()

    def on_market(self, market: Market, receipt: Receipt) -> Effects:
        """Follow the open markets; what is over, or not yet open, is not priced."""
        key = (market.venue, market.symbol)
        feed = self._roster.feed(market.venue)
        if not self._roster.serves(market.kind) or feed is None:
            return ()
        if not self._fence.passes_market(market):
            return ()
        if market.status is not MarketStatus.OPEN:
            self._roster.drop_market(*key)
        elif not self._roster.put_market(market, feed):
            self._dropped["unusable_market"] += 1
        self._roster.drop_expired(receipt.now_ns)
        return ()

    def on_bot(self, config: BotConfig, receipt: Receipt) -> Effects:
        """Follow a bot's configuration; one that cannot be used is not priced from, nor is the one before it."""
        known = self._roster.bots.get(config.algo_id)
        if known is not None and config.revision < known.revision:
            return ()
        if config.removed:
            self._roster.drop_bot(config.algo_id)
            return ()
        try:
            bot = sections_of(config, self._roster.models)
            if bot is None:
                self._roster.drop_bot(config.algo_id)
                return ()
            self._roster.put_bot(PricedBot(config.algo_id, config.revision, config.running, bot))
        except ConfigError as error:
            self._dropped["invalid_config"] += 1
            self._roster.drop_bot(config.algo_id)
            return (
                Alert(
                    epoch=self.epoch,
                    level=AlertLevel.WARNING,
                    algo_id=config.algo_id,
                    source="pricer",
                    kind="bot_config_invalid",
                    text=f"bot {config.algo_id} is not priced: {error}",
                    ts_ns=receipt.now_ns,
                ),
            )
        return ()

    def on_halt(self, halt: Halt, receipt: Receipt) -> Effects:
        """A person who lifts the halt of a failed bot has it priced again."""
        if halt.lifted and halt.reason == HALT_REASON and halt.scope.startswith("bot-"):
            bot = self._roster.bots.get(halt.scope.removeprefix("bot-"))
            if bot is not None:
                bot.halted = ""
        return ()

    def on_reload(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        """Read a file of models again: {"name": "btc-options.json"}."""
        name = _named(document, {"name"})
        try:
            self._library.reread(name)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        self._roster.renew()
        return ()

    def on_quotes(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        """Take option quotes in place of a file's until it is read again: {"name": ..., "result": [...]}."""
        name = _named(document, {"name", "result"})
        try:
            self._library.put_quotes(name, msgspec.json.encode({"result": document.get("result")}))
        except ConfigError as error:
            raise ValueError(str(error)) from None
        self._roster.renew()
        return ()

    def on_disconnected(self, receipt: Receipt) -> Effects:
        """Say nothing while the bus is down or our lease is in doubt: somebody else may be pricing."""
        self._may_speak = False
        return ()

    def on_reconnected(self, receipt: Receipt) -> Effects:
        self._may_speak = True
        return ()

    def unready(self, now_ns: int) -> list[str]:
        if not self._may_speak:
            return ["bus down or lease in doubt"]
        return [
            f"bot {bot.algo_id}, {output.name}: {bot.halted or output.silent}"
            for bot, output in self._roster.outputs()
            if bot.running and (bot.halted or output.silent not in ("", "no open market"))
        ]

    def state(self, now_ns: int) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "feeds": {
                venue: {
                    "up": feed.up(now_ns),
                    "clock_known": feed.venue_time_ns(now_ns) is not None,
                    "epoch": feed.epoch,
                }
                for venue, feed in self._roster.feeds.items()
            },
            "open_markets": len(self._roster.open_markets),
            "bots": {
                bot.algo_id: {
                    "running": bot.running,
                    "revision": bot.revision,
                    "halted": bot.halted,
                    "underlyings": {output.name: output.picture(now_ns) for output in bot.outputs},
                }
                for bot in self._roster.bots.values()
            },
            "dropped": self._all_dropped(),
        }

    def _all_dropped(self) -> dict[str, int]:
        return {**self._dropped, "old_epoch": self._fence.old, "epoch_ahead": self._fence.ahead}

    def samples(self) -> Iterator[Sample]:
        yield Sample("mm_pricer_ticks_total", "counter", "Tops and books of followed sources", {}, self._ticks)
        for reason, count in self._all_dropped().items():
            yield Sample("mm_pricer_dropped_total", "counter", "Inputs not used", {"reason": reason}, count)
        for algo_id, count in self._values.items():
            yield Sample("mm_fair_values_total", "counter", "Fair values stated", {"algo_id": algo_id}, count)
        for bot, output in self._roster.outputs():
            labels = {"algo_id": bot.algo_id, "underlying": output.name}
            priced = not output.silent and not bot.halted
            yield Sample("mm_pricer_priced", "gauge", "1 while fair values go out", labels, priced)
            yield from output.samples(labels)

    def _price(self, bot: PricedBot, output: Output, now_ns: int) -> Sequence[Effect]:
        if bot.halted or not self._may_speak:
            return ()
        try:
            values = output.values(now_ns, self.epoch)
        except Exception as error:  # one bot's fault must not silence the others
            return (self._halt(bot, output, error, now_ns),)
        if values:
            self._values[bot.algo_id] = self._values.get(bot.algo_id, 0) + len(values)
        return values

    def _alerts(self, bot: PricedBot, output: Output, now_ns: int) -> list[Alert]:
        if not self._may_speak or bot.halted:
            return []
        return [
            Alert(
                epoch=self.epoch,
                level=AlertLevel.INFO if news.calm else AlertLevel.WARNING,
                algo_id=bot.algo_id,
                source="pricer",
                kind=news.kind,
                text=f"{output.name}: {news.text}",
                ts_ns=now_ns,
            )
            for news in output.news(now_ns)
        ]

    def _halt(self, bot: PricedBot, output: Output, error: Exception, now_ns: int) -> Halt:
        bot.halted = f"pricing {output.name} failed: {type(error).__name__}: {error}"
        for halted in bot.outputs:
            halted.forget()
        self._halts_sent += 1
        return Halt(
            epoch=self.epoch,
            scope=f"bot-{bot.algo_id}",
            reason=HALT_REASON,
            actor="pricer",
            detail=bot.halted,
            halt_id=f"pricer-{self.epoch}-{self._halts_sent}",
            cancels=True,
            ts_ns=now_ns,
        )


def _named(document: Mapping[str, Any], members: set[str]) -> str:
    """Return the name in a command; ValueError when there is none or it has other members than these."""
    unknown = sorted(set(document) - members)
    if unknown:
        raise ValueError(f"{unknown[0]}: unknown; known are {', '.join(sorted(members))}")
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("name: must name the file, such as btc-options.json")
    return name
