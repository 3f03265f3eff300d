"""The configuration of a bot, section by section, as validated at the gateway and read by every service.

Every number of a bot's behaviour is here; unknown keys are refused with their name.
"""

from common.bots.binary import BinaryBot, Override, Overrides
from common.bots.bot import Bot, InstrumentSection, Place, VenueBot
from common.bots.fixed import FixedBot
from common.bots.kinds import KINDS, may_trade_at, model_of, parse_bot, sections_of, venue_and_account
from common.bots.known import Known
from common.bots.limits import NotionalRiskLimits, PositionRiskLimits, RiskLimits, SpotRiskLimits
from common.bots.pricing import BinaryInstrument, Combination, PriceSource, Pricing
from common.bots.protection import MARKOUT_HORIZONS_S, Exposure, Flow, Protection, Selection
from common.bots.quoting import Inventory, Quoting, Unwind
from common.bots.section import Section, faults_of
from common.bots.spot import SpotBot

__all__ = [
    "KINDS",
    "MARKOUT_HORIZONS_S",
    "BinaryBot",
    "BinaryInstrument",
    "Bot",
    "Combination",
    "Exposure",
    "FixedBot",
    "Flow",
    "InstrumentSection",
    "Inventory",
    "Known",
    "NotionalRiskLimits",
    "Override",
    "Overrides",
    "Place",
    "PositionRiskLimits",
    "PriceSource",
    "Pricing",
    "Protection",
    "Quoting",
    "RiskLimits",
    "Section",
    "Selection",
    "SpotBot",
    "SpotRiskLimits",
    "Unwind",
    "VenueBot",
    "faults_of",
    "may_trade_at",
    "model_of",
    "parse_bot",
    "sections_of",
    "venue_and_account",
]
