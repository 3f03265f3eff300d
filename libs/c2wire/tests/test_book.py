"""L2 books: what changes one into another, the stream of packages, and a reader that follows it."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from c2wire.book import Book, BookLevel, Replay, SequenceGap, changed_entries, snapshot_entries, summed
from c2wire.dto import L2Entry, L2Package
from c2wire.enums import L2Action, L2PackageType, L2Side
from c2wire.stream import L2Stream
from hypothesis import given
from hypothesis import strategies as st

DEPTH = 6


def level(price: int, quantity: int = 1, exchange: str = "") -> BookLevel:
    return BookLevel(Decimal(price), Decimal(quantity), exchange)


levels = st.lists(
    st.builds(level, st.integers(1, 12), st.integers(1, 3), st.sampled_from(["KRAKEN", "BINANCE"])),
    max_size=12,
)
"""Some of them equal, as quotes of one price are."""
books = st.builds(lambda bids, asks: Book.of(bids, asks, DEPTH), levels, levels)


def package(entries: list[L2Entry], number: int, kind: L2PackageType = L2PackageType.INCREMENT) -> L2Package:
    return L2Package(timestamp=0, security_id="BTCUSD", type=kind, entries=entries, sequence_number=number)


def followed(*packages: L2Package) -> Replay:
    replay = Replay()
    for each in packages:
        replay.apply(each)
    return replay


@given(books, books)
def test_entries_make_one_book_of_the_other(before: Book, after: Book) -> None:
    replay = followed(
        package(snapshot_entries(before), 1, L2PackageType.SNAPSHOT), package(changed_entries(before, after), 2)
    )
    assert replay.book == after


@given(books, books)
def test_no_side_is_ever_deeper_than_the_deeper_of_the_two(before: Book, after: Book) -> None:
    """A reader that trims at the depth it knows loses nothing that a later entry speaks of."""
    replay = followed(package(snapshot_entries(before), 1, L2PackageType.SNAPSHOT))
    for number, entry in enumerate(changed_entries(before, after), start=2):
        replay.apply(package([entry], number))
        assert len(replay.book.bids) <= max(len(before.bids), len(after.bids))
        assert len(replay.book.asks) <= max(len(before.asks), len(after.asks))


@given(books)
def test_nothing_changed_is_no_entry(book: Book) -> None:
    assert changed_entries(book, book) == []


def test_a_size_that_changed_is_an_update_at_its_level() -> None:
    (entry,) = changed_entries(Book((level(10), level(9))), Book((level(10), level(9, 5))))
    assert (entry.action, entry.level, entry.price, entry.quantity) == (L2Action.UPDATE, 1, Decimal(9), Decimal(5))


def test_the_worse_end_goes_with_one_entry() -> None:
    entries = changed_entries(Book((level(10), level(9), level(8))), Book((level(10),)))
    assert [(each.action, each.level) for each in entries] == [(L2Action.DELETE_FROM, 1)]


def test_the_better_end_goes_with_one_entry() -> None:
    entries = changed_entries(Book((), (level(10), level(11), level(12))), Book((), (level(12),)))
    assert [(each.action, each.level, each.side) for each in entries] == [(L2Action.DELETE_THROUGH, 1, L2Side.SELL)]


def test_a_book_that_empties_is_one_entry_a_side() -> None:
    entries = changed_entries(Book((level(10), level(9)), (level(11),)), Book())
    assert [(each.side, each.action, each.level) for each in entries] == [
        (L2Side.BUY, L2Action.DELETE_FROM, 0),
        (L2Side.SELL, L2Action.DELETE_FROM, 0),
    ]


def test_c2_i12_a_snapshot_is_inserts_by_level() -> None:
    entries = snapshot_entries(Book((level(10), level(9)), (level(11),)))
    assert [(each.side.value, each.level, each.price) for each in entries] == [
        ("buy", 0, Decimal(10)),
        ("buy", 1, Decimal(9)),
        ("sell", 0, Decimal(11)),
    ]
    assert {each.action for each in entries} == {L2Action.INSERT}


def test_equal_prices_of_exchanges_are_summed_for_who_may_not_see_them() -> None:
    seen = [level(10, 1, "BINANCE"), level(10, 2, "KRAKEN"), level(9, 4, "KRAKEN")]
    assert list(summed(seen)) == [level(10, 3), level(9, 4)]


@given(st.lists(books, min_size=2, max_size=30), st.integers(50, 1_500))
def test_replaying_increments_gives_each_next_snapshot(states: list[Book], step_ms: int) -> None:
    stream = L2Stream("BTCUSD")
    packages = [each for number, book in enumerate(states) for each in stream.tick(book, number * step_ms)]
    assert [each.sequence_number for each in packages] == list(range(1, len(packages) + 1))
    follower = followed(packages[0])
    for before, after in pairwise(packages):
        if after.type is L2PackageType.SNAPSHOT:
            fresh = followed(after)
            assert follower.book == fresh.book
            assert before.timestamp <= after.timestamp
        follower.apply(after)


def test_packages_come_when_they_are_due() -> None:
    stream, old, new = L2Stream("BTCUSD"), Book((level(10),)), Book((level(9),))
    assert [each.type.value for each in stream.tick(old, 0)] == ["snapshot_full_refresh"]
    assert stream.tick(new, 999) == []
    assert [each.type.value for each in stream.tick(new, 1_000)] == ["incremental_update"]
    assert stream.tick(new, 1_999) == []
    assert [each.type.value for each in stream.tick(new, 2_000)] == ["snapshot_full_refresh"]
    assert [each.type.value for each in stream.tick(old, 4_000)] == ["incremental_update", "snapshot_full_refresh"]


def test_a_new_reader_begins_where_the_others_are() -> None:
    stream, old, new = L2Stream("BTCUSD"), Book((level(10),)), Book((level(9),))
    others = followed(*stream.tick(old, 0))
    late = followed(stream.current(500))
    assert late.book == others.book and late.sequence_number == others.sequence_number
    (increment,) = stream.tick(new, 1_000)
    late.apply(increment)
    assert late.book == new


def test_a_gap_changes_nothing_and_the_next_snapshot_mends_it() -> None:
    replay = followed(package(snapshot_entries(Book((level(10),))), 1, L2PackageType.SNAPSHOT))
    with pytest.raises(SequenceGap, match="must follow 1, is 3"):
        replay.apply(package([], 3))
    assert replay.book == Book((level(10),))
    replay.apply(package(snapshot_entries(Book((level(8),))), 4, L2PackageType.SNAPSHOT))
    assert replay.book == Book((level(8),))


def test_an_increment_before_any_snapshot_is_a_gap() -> None:
    with pytest.raises(SequenceGap):
        Replay().apply(package([], 1))


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (L2Entry(side=L2Side.BUY, action=L2Action.DELETE, level=1), r"entries\[0\].level: must be 0 to 0 to delete"),
        (
            L2Entry(side=L2Side.BUY, action=L2Action.UPDATE, level=0, price=Decimal(9), quantity=Decimal(1)),
            r"entries\[0\].price: must be 10 to update level 0, is 9",
        ),
        (L2Entry(side=L2Side.BUY, action=L2Action.INSERT, level=0), r"price: and quantity must be given"),
    ],
)
def test_an_entry_that_does_not_fit_names_the_rule(entry: L2Entry, rule: str) -> None:
    replay = followed(package(snapshot_entries(Book((level(10),))), 1, L2PackageType.SNAPSHOT))
    with pytest.raises(ValueError, match=rule):
        replay.apply(package([entry], 2))


def test_a_print_leaves_the_book_alone() -> None:
    book = Book((level(10),))
    trade = L2Entry(side=L2Side.BUY, action=L2Action.TRADE, level=0, price=Decimal(10), quantity=Decimal(1))
    replay = followed(package(snapshot_entries(book), 1, L2PackageType.SNAPSHOT), package([trade], 2))
    assert replay.book == book
