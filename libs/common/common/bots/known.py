"""What of the platform a configuration may name, for whoever checks one that a person has written."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from common.instruments import CurrencyPairs
from common.venues import Exchanges


class Known(NamedTuple):
    """Exchanges, currencies of symbols, and bots, as far as they are known now."""

    exchanges: Exchanges
    pairs: CurrencyPairs
    algo_ids: Collection[str] = ()
