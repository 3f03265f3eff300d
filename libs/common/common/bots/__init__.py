"""The configuration of a bot, section by section, as validated at the gateway and read by every service.

Every number of a binary bot's behaviour is here; unknown keys are refused with their name.
"""

from common.bots.binary import BinaryBot, Override, Overrides, faults_of, parse_bot, sections_of
from common.bots.pricing import Combination, Instrument, PriceSource, Pricing
from common.bots.protection import MARKOUT_HORIZONS_S, Exposure, Flow, Protection, RiskLimits, Selection
from common.bots.quoting import Inventory, Quoting, Unwind
from common.bots.section import Section

__all__ = [
    "MARKOUT_HORIZONS_S",
    "BinaryBot",
    "Combination",
    "Exposure",
    "Flow",
    "Instrument",
    "Inventory",
    "Override",
    "Overrides",
    "PriceSource",
    "Pricing",
    "Protection",
    "Quoting",
    "RiskLimits",
    "Section",
    "Selection",
    "Unwind",
    "faults_of",
    "parse_bot",
    "sections_of",
]
