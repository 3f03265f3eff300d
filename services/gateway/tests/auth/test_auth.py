"""Logins: what tokens open, when they end, and what happens when one is stolen or guessed."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from common.clock import ManualClock
from common.errors import ConfigError
from common.events import User
from gateway.auth import throttle as throttle_module
from gateway.auth.owner import owner, read_or_make
from gateway.auth.passwords import PASSWORD_CHARS_MAX, Passwords, generate_password
from gateway.auth.roles import Role, granted
from gateway.auth.sessions import ACCESS_LIFE_S, REFRESH_LIFE_S, SESSIONS_PER_USER_MAX, InvalidGrant, Sessions
from gateway.auth.throttle import FREE_FAILURES, PAUSE_MAX_S, WINDOW_S, Throttle
from gateway.auth.users import check_user_id
from gateway.changes.rates import REQUESTS_BURST, REQUESTS_PER_S, Rates
from gateway.testing.fakes import MemoryTokenStore
from gateway.testing.platform import Story
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr


@pytest.fixture
def sessions(store: MemoryTokenStore, clock: ManualClock, story: Story) -> Sessions:
    story.user("tess", "trader", password_hash="hash-1")
    return Sessions(store, clock, story.view.users)


def tess(story: Story) -> User:
    stored = story.view.users.get("tess")
    assert stored is not None
    return stored.user


async def test_an_access_token_tells_who_calls_until_it_ends(sessions: Sessions, story: Story) -> None:
    grant = await sessions.open(tess(story))
    story.later(ACCESS_LIFE_S - 1)
    caller = await sessions.check(grant.access_token)
    assert caller is not None
    assert caller.user_id == "tess"
    assert caller.roles == {Role.TRADER, Role.VIEWER}
    story.later(1)
    assert await sessions.check(grant.access_token) is None


async def test_neither_token_is_good_for_the_other_purpose(sessions: Sessions, story: Story) -> None:
    grant = await sessions.open(tess(story))
    assert await sessions.check(grant.refresh_token) is None
    with pytest.raises(InvalidGrant):
        await sessions.refresh(grant.access_token)


async def test_a_refresh_gives_a_new_pair_and_does_not_extend_the_session(sessions: Sessions, story: Story) -> None:
    grant = await sessions.open(tess(story))
    for _ in range(REFRESH_LIFE_S // 20_000):
        story.later(20_000)
        grant = await sessions.refresh(grant.refresh_token)
        assert await sessions.check(grant.access_token) is not None
    story.later(REFRESH_LIFE_S % 20_000 - 60)
    last = await sessions.refresh(grant.refresh_token)
    assert last.expires_in_s == 60
    story.later(60)
    assert await sessions.check(last.access_token) is None
    with pytest.raises(InvalidGrant):
        await sessions.refresh(last.refresh_token)


async def test_a_refresh_token_shown_twice_ends_the_session_of_both(sessions: Sessions, story: Story) -> None:
    first = await sessions.open(tess(story))
    second = await sessions.refresh(first.refresh_token)
    with pytest.raises(InvalidGrant, match="used before"):
        await sessions.refresh(first.refresh_token)
    assert await sessions.check(second.access_token) is None
    with pytest.raises(InvalidGrant):
        await sessions.refresh(second.refresh_token)


async def test_of_two_refreshes_at_once_at_most_one_wins_and_the_session_ends(sessions: Sessions, story: Story) -> None:
    grant = await sessions.open(tess(story))
    outcomes = await asyncio.gather(*[sessions.refresh(grant.refresh_token) for _ in range(2)], return_exceptions=True)
    won = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert len(won) <= 1
    for each in won:
        assert await sessions.check(each.access_token) is None


async def test_another_login_of_the_same_user_is_untouched_by_a_theft(sessions: Sessions, story: Story) -> None:
    stolen, other = await sessions.open(tess(story)), await sessions.open(tess(story))
    await sessions.refresh(stolen.refresh_token)
    with pytest.raises(InvalidGrant):
        await sessions.refresh(stolen.refresh_token)
    assert await sessions.check(other.access_token) is not None


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_revoking_either_token_ends_the_session_at_once(sessions: Sessions, story: Story, which: str) -> None:
    grant = await sessions.open(tess(story))
    await sessions.revoke(getattr(grant, which))
    assert await sessions.check(grant.access_token) is None
    with pytest.raises(InvalidGrant):
        await sessions.refresh(grant.refresh_token)
    await sessions.revoke("never seen")


async def test_a_new_password_or_a_disabled_user_ends_every_session_at_once(sessions: Sessions, story: Story) -> None:
    grant = await sessions.open(tess(story))
    story.user("tess", "trader", password_hash="hash-1", disabled=True)
    assert await sessions.check(grant.access_token) is None
    story.user("tess", "trader", password_hash="hash-1")
    assert await sessions.check(grant.access_token) is not None
    story.user("tess", "trader", password_hash="hash-2")
    assert await sessions.check(grant.access_token) is None
    with pytest.raises(InvalidGrant):
        await sessions.refresh(grant.refresh_token)


async def test_a_change_of_roles_holds_for_tokens_already_given(sessions: Sessions, story: Story) -> None:
    grant = await sessions.open(tess(story))
    story.user("tess", "viewer", password_hash="hash-1")
    caller = await sessions.check(grant.access_token)
    assert caller is not None
    assert caller.roles == {Role.VIEWER}


async def test_the_oldest_login_ends_when_there_are_too_many(sessions: Sessions, story: Story) -> None:
    grants = [await sessions.open(tess(story)) for _ in range(SESSIONS_PER_USER_MAX + 1)]
    assert await sessions.check(grants[0].access_token) is None
    assert await sessions.check(grants[1].access_token) is not None


async def test_no_token_is_stored_in_the_clear(sessions: Sessions, story: Story, store: MemoryTokenStore) -> None:
    grant = await sessions.open(tess(story))
    renewed = await sessions.refresh(grant.refresh_token)
    stored = store.text()
    for secret in (grant.access_token, grant.refresh_token, renewed.access_token, renewed.refresh_token):
        assert secret not in stored


async def test_r78_guesses_at_one_user_from_one_address_cost_pauses_that_grow_to_seconds(
    store: MemoryTokenStore, story: Story
) -> None:
    throttle = Throttle(store)
    assert [await throttle.pause_s("tess", "10.0.0.1") for _ in range(FREE_FAILURES + 1)] == [0] * (FREE_FAILURES + 1)
    seen = []
    for _ in range(5):
        pause_s = await throttle.pause_s("tess", "10.0.0.1")
        seen.append(pause_s)
        story.later(pause_s)
        assert await throttle.pause_s("tess", "10.0.0.1") == 0
    assert seen == [2, 4, 4, 4, 4]


async def test_r78_a_right_password_is_never_shut_out_for_longer_than_the_longest_pause(
    store: MemoryTokenStore, story: Story
) -> None:
    throttle = Throttle(store)
    for _ in range(500):
        await throttle.pause_s("tess", "10.0.0.1")
    assert await throttle.pause_s("tess", "10.0.0.2") == 0, "a stranger does not lock the trader out"
    story.later(PAUSE_MAX_S)
    assert await throttle.pause_s("tess", "10.0.0.1") == 0
    assert await throttle.succeeded("tess", "10.0.0.1")
    assert await throttle.pause_s("tess", "10.0.0.1") == 0


async def test_r78_random_names_and_many_addresses_lock_nobody_out(store: MemoryTokenStore) -> None:
    throttle = Throttle(store)
    for number in range(200):
        assert await throttle.pause_s(f"user-{number}", "10.0.0.1") == 0
        assert await throttle.pause_s("tess", f"10.1.0.{number}") == 0
    assert await throttle.pause_s("tess", "10.0.0.1") == 0


async def test_r78_a_thousand_guesses_at_once_are_not_all_let_in(store: MemoryTokenStore) -> None:
    throttle = Throttle(store)
    pauses = await asyncio.gather(*[throttle.pause_s("tess", "10.0.0.1") for _ in range(1_000)])
    assert pauses.count(0) == FREE_FAILURES + 1


async def test_wrong_passwords_are_forgotten_after_the_window(store: MemoryTokenStore, story: Story) -> None:
    throttle = Throttle(store)
    for _ in range(10):
        await throttle.pause_s("tess", "10.0.0.1")
    story.later(WINDOW_S)
    assert [await throttle.pause_s("tess", "10.0.0.1") for _ in range(FREE_FAILURES)] == [0] * FREE_FAILURES


async def test_right_passwords_are_counted_by_themselves(
    store: MemoryTokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle_module, "LOGINS_PER_USER_MAX", 100)
    throttle = Throttle(store)
    for _ in range(100):
        assert await throttle.pause_s("tess", "127.0.0.1") == 0
        assert await throttle.succeeded("tess", "127.0.0.1")
    assert not await throttle.succeeded("tess", "127.0.0.1")
    assert await throttle.succeeded("vera", "127.0.0.1")


# --- the machine's owner --------------------------------------------------------------------------------------------


def test_r78_the_owners_token_is_made_once_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "gateway" / "owner-token"
    token = read_or_make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_make(path) == token
    assert len(token.get_secret_value()) > 40
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read it"):
        read_or_make(path)
    path.chmod(0o600)
    path.write_text("\n")
    with pytest.raises(ConfigError, match="holds no owner's token"):
        read_or_make(path)


@pytest.mark.parametrize(
    ("token", "address", "let_in"),
    [
        ("owner-abc", "127.0.0.1", True),
        ("owner-abc", "::1", True),
        ("owner-abc", "10.0.0.1", False),
        ("owner-abc", "", False),
        ("owner-abd", "127.0.0.1", False),
    ],
)
def test_r78_the_owners_token_opens_from_this_machine_alone(token: str, address: str, let_in: bool) -> None:
    found = owner(token, address, SecretStr("owner-abc"))
    assert (found is not None) is let_in
    assert owner(token, address, None) is None


async def test_passwords_are_kept_as_argon2id_and_compared() -> None:
    passwords = Passwords()
    kept = await passwords.hash("correct horse battery")
    assert kept.startswith("$argon2id$")
    assert await passwords.matches(kept, "correct horse battery")
    assert not await passwords.matches(kept, "correct horse batterz")
    assert not await passwords.matches("", "correct horse battery")
    assert not await passwords.matches("not a hash", "correct horse battery")
    assert not await passwords.matches(kept, "x" * (PASSWORD_CHARS_MAX + 1))


def test_generated_passwords_are_long_and_differ() -> None:
    made = {generate_password() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 24


def test_roles_give_what_they_say_and_nothing_for_a_name_that_is_none() -> None:
    assert granted(["admin"]) == frozenset(Role)
    assert granted(["trader"]) == {Role.TRADER, Role.VIEWER}
    assert granted(["risk"]) == {Role.RISK, Role.VIEWER}
    assert granted(["root", "ADMIN", ""]) == frozenset()


@given(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,31}", fullmatch=True))
def test_plain_short_names_are_user_ids(text: str) -> None:
    assert check_user_id(text) == text


@given(st.text(max_size=40).filter(lambda text: not (text.isascii() and text.islower() and text.isalnum())))
def test_a_user_id_has_only_plain_characters(text: str) -> None:
    plain = set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    if text and len(text) <= 32 and set(text) <= plain and text[0] not in "._-":
        assert check_user_id(text) == text
        return
    with pytest.raises(ValueError, match="must be 1 to 32"):
        check_user_id(text)


@given(st.lists(st.integers(0, 2_000_000_000), min_size=1, max_size=300))
def test_no_user_ever_gets_more_than_burst_plus_rate(pauses_ns: list[int]) -> None:
    rates, now_ns, admitted = Rates(), 0, 0
    for pause_ns in pauses_ns:
        now_ns += pause_ns
        admitted += rates.admits("tess", now_ns)
    assert admitted <= REQUESTS_BURST + now_ns / 1e9 * REQUESTS_PER_S
