"""State what every market a bot may quote is worth, on each tick of its source and as time runs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from common.bots import BinaryBot, sections_of
from common.core import Command, Core, Effect, Effects, Every, Input, Newest, Ordered, Receipt, Sample
from common.errors import ConfigError
from common.events import (
    Alert,
    AlertLevel,
    BotConfig,
    FeedStatus,
    Halt,
    Lease,
    Market,
    MarketStatus,
    TopOfBook,
)
from common.instruments import InstrumentKind
from common.leases.fence import EpochFence

from pricer.binary.valuation import Valuation
from pricer.library import Library
from pricer.roster import PricedBot, Roster
from pricer.sources.aggregation import VenueFeed

# A bot's interval is kept to the next multiple of this.
TIMER_PERIOD_MS = 20

HALT_REASON = "exception"
SERVED = (BinaryBot,)
"""The kinds of bot that are priced; others are ignored."""


class Pricer(Core):
    """Fair values of every open market for every bot whose series it belongs to, running or not."""

    def __init__(self, price_venues: Sequence[str] = (), library: Library | None = None) -> None:
        self._price_venues = tuple(price_venues)
        self._library = library or Library()
        self._roster = Roster(self._library)
        self._fence = EpochFence()
        self._halts_sent = 0
        self._may_speak = True
        self._ticks = 0
        self._values: dict[str, int] = {}
        self._dropped = {"unusable_market": 0, "invalid_config": 0, "too_many_venues": 0}

    def inputs(self) -> Sequence[Input]:
        # Markets have tops of book too, and each of our own quotes moves them: where the venues that prices come
        # from are known, only those are listened to.
        tops = [Newest(TopOfBook, self.on_top, {"venue": venue}) for venue in self._price_venues]
        return [
            Ordered(BotConfig, self.on_bot),
            Ordered(Market, self.on_market),
            Ordered(Halt, self.on_halt),
            Newest(Lease, self.on_lease),
            Newest(FeedStatus, self.on_status),
            *(tops or [Newest(TopOfBook, self.on_top)]),
            Every(TIMER_PERIOD_MS, self.on_timer),
            Command("reload", self.on_reload),
            Command("quotes", self.on_quotes),
        ]

    def on_top(self, top: TopOfBook, receipt: Receipt) -> Effects:
        """Price every open market of this underlying anew, for each bot that prices it from here."""
        source = self._roster.source(top.venue, top.symbol)
        if source is None:
            return ()
        if not self._admits(source.feed, top.epoch):
            return ()
        self._ticks += 1
        source.update(top, receipt.now_ns, receipt.age_ns)
        effects: list[Effect] = []
        for bot, valuation in self._roster.pricing_from(source):
            if valuation.prices_from(source):
                effects += self._price(bot, valuation, receipt.now_ns)
        return effects

    def on_lease(self, lease: Lease, receipt: Receipt) -> Effects:
        self._fence.on_lease(lease)
        return ()

    def _admits(self, feed: VenueFeed, epoch: int) -> bool:
        """Say whether a sender of this epoch may speak for a venue; with a newer one the feed begins anew."""
        if not self._fence.passes("feed", feed.venue, epoch):
            return False
        feed.begin(epoch)
        return True

    def on_timer(self, receipt: Receipt) -> Effects:
        """Time itself moves the values, and a source that falls silent is noticed only here."""
        effects: list[Effect] = [*self._fence.alerts("pricer", receipt.now_ns)]
        for bot, valuation in self._roster.valuations():
            if valuation.due(receipt.now_ns):
                effects += self._price(bot, valuation, receipt.now_ns)
            effects += self._tell(bot, valuation, receipt.now_ns)
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
        if market.kind is not InstrumentKind.BINARY or feed is None:
            return ()
        if not self._fence.passes_market(market):
            return ()
        if market.status is not MarketStatus.OPEN:
            self._roster.drop_market(*key)
        elif not self._roster.put_market(market, feed):
            self._dropped["unusable_market"] += 1
            self._roster.drop_market(*key)
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
            sections = sections_of(config, SERVED)
            if sections is None:
                self._roster.drop_bot(config.algo_id)
                return ()
            self._roster.put_bot(PricedBot(config.algo_id, config.revision, config.running, sections))
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
        """Say nothing while the bus is away or our lease is in doubt: somebody else may be pricing."""
        self._may_speak = False
        return ()

    def on_reconnected(self, receipt: Receipt) -> Effects:
        self._may_speak = True
        return ()

    def unready(self, now_ns: int) -> list[str]:
        if not self._may_speak:
            return ["bus down or lease in doubt"]
        return [
            f"bot {bot.algo_id}, {valuation.underlying}: {bot.halted or valuation.silent}"
            for bot, valuation in self._roster.valuations()
            if bot.running and (bot.halted or valuation.silent not in ("", "no open market"))
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
            "open_markets": len(self._roster.contracts),
            "bots": {
                bot.algo_id: {
                    "running": bot.running,
                    "revision": bot.revision,
                    "halted": bot.halted,
                    "underlyings": {valuation.underlying: valuation.picture(now_ns) for valuation in bot.valuations},
                }
                for bot in self._roster.bots.values()
            },
            "dropped": self._all_dropped(),
        }

    def _all_dropped(self) -> dict[str, int]:
        return {**self._dropped, "old_epoch": self._fence.old, "epoch_ahead": self._fence.ahead}

    def samples(self) -> Iterator[Sample]:
        yield Sample("mm_pricer_ticks_total", "counter", "Tops of book of followed sources", {}, self._ticks)
        for reason, count in self._all_dropped().items():
            yield Sample("mm_pricer_dropped_total", "counter", "Inputs not used", {"reason": reason}, count)
        for algo_id, count in self._values.items():
            yield Sample("mm_fair_values_total", "counter", "Fair values stated", {"algo_id": algo_id}, count)
        for bot, valuation in self._roster.valuations():
            labels = {"algo_id": bot.algo_id, "underlying": valuation.underlying}
            priced = not valuation.silent and not bot.halted
            yield Sample("mm_pricer_priced", "gauge", "1 while fair values go out", labels, priced)
            if valuation.annual is not None:
                yield Sample("mm_volatility", "gauge", "Annualised volatility", labels, valuation.annual)
            yield from valuation.spot.samples(labels)
            for symbol, value in valuation.newest.items():
                market = {"algo_id": bot.algo_id, "symbol": symbol}
                yield Sample("mm_fair_value", "gauge", "Probability of YES", market, value.fair)

    def _price(self, bot: PricedBot, valuation: Valuation, now_ns: int) -> Sequence[Effect]:
        if bot.halted or not self._may_speak:
            return ()
        try:
            values = valuation.values(now_ns, self.epoch)
        except Exception as error:  # one bot's fault must not silence the others
            return (self._halt(bot, valuation, error, now_ns),)
        if values:
            self._values[bot.algo_id] = self._values.get(bot.algo_id, 0) + len(values)
        return values

    def _tell(self, bot: PricedBot, valuation: Valuation, now_ns: int) -> list[Alert]:
        if not self._may_speak or bot.halted:
            return []
        return [
            Alert(
                epoch=self.epoch,
                level=AlertLevel.INFO if news.calm else AlertLevel.WARNING,
                algo_id=bot.algo_id,
                source="pricer",
                kind=news.kind,
                text=f"{valuation.underlying}: {news.text}",
                ts_ns=now_ns,
            )
            for news in valuation.spot.news(now_ns)
        ]

    def _halt(self, bot: PricedBot, valuation: Valuation, error: Exception, now_ns: int) -> Halt:
        bot.halted = f"pricing {valuation.underlying} failed: {type(error).__name__}: {error}"
        for halted in bot.valuations:
            halted.newest.clear()
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
