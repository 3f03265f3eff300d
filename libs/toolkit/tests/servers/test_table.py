from itertools import pairwise

import pytest
from common.versions import Version, text_of, version_in
from hypothesis import given
from hypothesis import strategies as st
from toolkit.paths import ROOT
from toolkit.servers.table import TABLE, Kind, Use, reads, row_of

versions = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))


@pytest.mark.parametrize(
    ("kind", "version", "use"),
    [
        (Kind.NATS, "2.8.4", Use.REFUSED),
        (Kind.NATS, "2.9.0", Use.DEMO),
        (Kind.NATS, "2.9.25", Use.DEMO),
        (Kind.NATS, "2.10.0", Use.REFUSED),
        (Kind.NATS, "2.10.22", Use.REFUSED),
        (Kind.NATS, "2.10.23", Use.PRODUCTION),
        (Kind.NATS, "2.15.1", Use.PRODUCTION),
        (Kind.REDIS, "6.0.16", Use.REFUSED),
        (Kind.REDIS, "6.2.7", Use.DEMO),
        (Kind.REDIS, "7.0.15", Use.PRODUCTION),
        (Kind.VALKEY, "9.1.2", Use.PRODUCTION),
    ],
)
def test_the_table_says_what_a_version_is_good_for(kind: Kind, version: str, use: Use) -> None:
    numbers = version_in(version)
    assert numbers is not None
    assert row_of(kind, numbers).use is use


def test_the_table_has_a_row_for_every_version_and_says_what_is_lacking() -> None:
    for kind in Kind:
        since = [row.since for row in TABLE if row.kind is kind]
        assert since[0] == (0, 0, 0)
        assert all(first < second for first, second in pairwise(since))
    assert all(row.lacks for row in TABLE if row.use is not Use.PRODUCTION)
    assert all(not row_of(kind, (99, 0, 0)).lacks for kind in Kind), "the newest of each lack nothing"


def test_the_guide_shows_the_same_table() -> None:
    guide = (ROOT / "docs" / "operating.md").read_text()
    for row in TABLE:
        alone = sum(other.kind is row.kind for other in TABLE) == 1
        since = text_of(row.since) if any(row.since) else "any" if alone else "older"
        assert f"| {row.kind.value} | {since} | {row.use.name.lower()} | {row.lacks} |" in guide


@given(st.sampled_from(Kind), versions, versions)
def test_nothing_reads_what_a_newer_one_wrote(kind: Kind, one: Version, other: Version) -> None:
    assert reads(kind, max(one, other), kind, min(one, other))
    if one != other:
        assert not reads(kind, min(one, other), kind, max(one, other))


def test_valkey_reads_what_redis_wrote_before_their_files_parted_and_never_the_other_way_round() -> None:
    assert reads(Kind.VALKEY, (9, 1, 2), Kind.REDIS, (7, 0, 15))
    assert reads(Kind.VALKEY, (9, 1, 2), Kind.REDIS, (7, 2, 99))
    assert not reads(Kind.VALKEY, (9, 1, 2), Kind.REDIS, (7, 4, 0))
    assert not reads(Kind.REDIS, (8, 0, 0), Kind.VALKEY, (7, 2, 5))
