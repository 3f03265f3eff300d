"""The bots of one account as their configurations have them."""

from __future__ import annotations

from common.bots import may_trade_at, sections_of
from common.core import Effects
from common.errors import ConfigError
from common.events import AlertLevel, BotConfig
from common.venues import Exchanges

from quoter.trading.blotter import Blotter
from quoter.trading.bot import Bot, renew_quoted
from quoter.trading.passes import Passes
from quoter.trading.trader import Trader


class Configured:
    """Takes in what is said of each bot, and has its markets looked at."""

    def __init__(self, trader: Trader, passes: Passes, blotter: Blotter, exchanges: Exchanges | None = None) -> None:
        """`exchanges` are those that documents of bots name."""
        self._trader, self._passes, self._blotter, self._exchanges = trader, passes, blotter, exchanges
        self.faults: dict[str, str] = {}
        """By bot: what is wrong with its configuration."""

    def on_config(self, config: BotConfig, now_ns: int) -> Effects:
        """Take in a bot's configuration; one that cannot be used stops the bot and says why.

        A bot of another account is nobody's business here, whatever is wrong with it, and so is one of another kind.
        """
        trader, algo_id = self._trader, config.algo_id
        self.faults.pop(algo_id, None)
        here = may_trade_at(config, trader.venue, trader.account, self._exchanges)
        try:
            sections = sections_of(config, trader.models) if here and not config.removed else None
        except ConfigError as error:
            self.faults[algo_id] = str(error)
            yield from self._take_away(algo_id, now_ns)
            text = str(error)[:500]
            yield from self._blotter.alert(AlertLevel.CRITICAL, algo_id, "bad_config", text, now_ns)
            return
        if sections is None:
            yield from self._take_away(algo_id, now_ns)
            return
        bot, kind = trader.bots.get(algo_id), trader.kinds[config.kind]
        if bot is None:
            strategy, scopes = kind.strategy(algo_id, sections), trader.scopes_of(algo_id)
            trader.bots[algo_id] = Bot(algo_id, config.revision, config.running, sections, scopes, strategy)
        elif config.revision >= bot.revision:
            bot.reconfigure(config.revision, config.running, sections, kind)
            for quoted in bot.quoted.values():
                renew_quoted(quoted, quoted.terms)
                yield from self._passes.quote(bot, quoted, now_ns)
        self._passes.select_soon()

    def _take_away(self, algo_id: str, now_ns: int) -> Effects:
        """Stop a bot for good; its orders go with the next passes, its lines when nothing is left."""
        bot = self._trader.bots.get(algo_id)
        if bot is not None:
            bot.running = False
            for quoted in bot.quoted.values():
                yield from self._passes.quote(bot, quoted, now_ns)
