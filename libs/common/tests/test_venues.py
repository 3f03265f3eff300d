"""Where bots quote."""

from __future__ import annotations

from typing import Any

import pytest
from common.venues import is_quoted


@pytest.mark.parametrize(
    ("venue", "quoted"),
    [
        ({"adapter": "degen"}, True),
        ({"adapter": "binance"}, False),
        ({"adapter": "polymarket", "quoted": True}, True),
        ({"adapter": "degen", "quoted": False}, False),
    ],
    ids=["an older file", "an older file, elsewhere", "said so", "said not so"],
)
def test_a_venue_says_whether_we_quote_there_and_older_files_need_not(venue: dict[str, Any], quoted: bool) -> None:
    assert is_quoted("x", venue) is quoted


def test_a_venue_without_an_adapter_is_refused() -> None:
    with pytest.raises(ValueError, match=r"venues\.x\.adapter: is missing"):
        is_quoted("x", {})


def test_a_word_that_is_neither_yes_nor_no_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"venues\.x\.quoted: must be true or false, is 'yes'"):
        is_quoted("x", {"adapter": "degen", "quoted": "yes"})
