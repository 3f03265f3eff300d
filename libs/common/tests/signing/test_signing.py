"""Row 70: what a signature covers, who may sign what, and what is not obeyed a second time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.bus.messages import Message
from common.bus.permissions import DUTIES, EVERYONE_SAYS, USERS, publish_subjects
from common.errors import ContractError
from common.events import (
    REGISTRY,
    Alert,
    AlertLevel,
    Audit,
    BotConfig,
    Event,
    Fill,
    Halt,
    Lease,
    OrderUpdates,
    Parked,
    Position,
    Posting,
    PostingKind,
    RiskState,
    StoreIdentity,
    User,
    encode,
)
from common.signing import (
    HEADER,
    Fault,
    KeyList,
    Obeyed,
    Order,
    PrivateKey,
    PublicKey,
    Refusal,
    Seal,
    Signature,
    Signer,
    Verifier,
    entitled,
    fault_in,
    parse_header,
    read_key_list,
    signed_list,
    statement,
)
from common.signing.judge import take
from common.signing.obeyed import SUBJECTS_MAX
from common.signing.roles import EVERYONE, ROLES, SIGNERS
from common.signing.verify import MESSAGE_ID
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

PLATFORM = "p1"
PRIVATE = {role: PrivateKey(role, f"{role}-1", SigningKey.generate()) for role in ROLES}
OTHERS = PrivateKey("quoter", "quoter-1", SigningKey.generate())


def listed(**changes: Any) -> KeyList:
    keys = [PublicKey(key_id=key.key_id, role=key.role, public_key=key.public) for key in PRIVATE.values()]
    return msgspec.structs.replace(KeyList(platform_id=PLATFORM, serial=1, keys=keys), **changes)


def changed(key_id: str, **changes: Any) -> Verifier:
    keys = [msgspec.structs.replace(key, **changes) if key.key_id == key_id else key for key in listed().keys]
    return Verifier(listed(keys=keys))


VERIFIER = Verifier(listed())
SIGNERS_BY_ROLE = {role: Signer(key, PLATFORM, 1) for role, key in PRIVATE.items()}


def said(role: str, event: Event, sequence: int = 0, after: int | None = None, signer: Signer | None = None) -> Message:
    """Return an event as its role publishes it and a reader finds it."""
    subject, data, message_id = event.address(), encode(event), event.message_id()
    by = signer or SIGNERS_BY_ROLE[role]
    signature = by.sign(subject, type(event).__name__, message_id, data, after)
    headers = {HEADER: signature.header()} | ({MESSAGE_ID: message_id} if event.acked else {})
    return Message(subject, data, sequence, headers=headers)


def halt(number: int = 1, *, lifted: bool = False) -> Halt:
    return Halt(scope="bot-1", reason="manual", lifted=lifted, actor="anna", halt_id=str(number), ts_ns=number)


def state(number: int) -> RiskState:
    return RiskState(shard="0", ledger_sequence=number, limits={}, config_revisions={}, halts=[], ts_ns=number)


def posting(kind: PostingKind) -> Posting:
    return Posting(
        account="mm1", algo_id="1", entry_id="1", kind=kind, venue="degen", cash={"USD": Decimal(0)}, ts_received_ns=1
    )


def fault_of(found: object) -> Fault:
    assert isinstance(found, Refusal), found
    return found.fault


# --- what it speaks of ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algo_id", ["2", ""])
def test_r76_a_genuine_message_about_something_else_than_its_subject_is_a_contract_error(algo_id: str) -> None:
    config = BotConfig(algo_id=algo_id, kind="binary", revision=1, running=True, sections={}, actor="a", ts_ns=1)
    data, message_id = encode(config), config.message_id()
    signature = SIGNERS_BY_ROLE["gateway"].sign("config.bot.1", "BotConfig", message_id, data, 0)
    headers = {HEADER: signature.header(), MESSAGE_ID: message_id}
    with pytest.raises(ContractError, match=r"BotConfig: (its fields say config\.bot\.2|token: must not be empty)"):
        take(VERIFIER, Obeyed(), BotConfig, Message("config.bot.1", data, 1, headers=headers))


# --- what is covered --------------------------------------------------------------------------------------------

PARTS = {
    "platform_id": st.text(max_size=8),
    "subject": st.text(max_size=8),
    "event": st.text(max_size=8),
    "message_id": st.text(max_size=8),
    "role": st.text(max_size=8),
    "key_id": st.text(max_size=8),
    "order": st.builds(Order, st.integers(0, 99), st.integers(0, 999)),
    "data": st.binary(max_size=8),
}


@given(st.fixed_dictionaries(PARTS), st.fixed_dictionaries(PARTS))
def test_r70_two_statements_share_their_bytes_only_when_they_share_every_part(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (statement(**one) == statement(**other)) == (one == other)


@given(st.data())
def test_r70_any_changed_byte_of_a_message_is_refused(data: st.DataObject) -> None:
    message = said("risk", state(7))
    place = data.draw(st.integers(0, len(message.data) - 1))
    bytes_ = bytearray(message.data)
    bytes_[place] ^= data.draw(st.integers(1, 255))
    assert isinstance(VERIFIER.check(message, RiskState), Signature)
    assert fault_of(VERIFIER.check(message._replace(data=bytes(bytes_)), RiskState)) is Fault.UNPROVEN


@given(st.data())
def test_r70_any_changed_character_of_the_header_is_refused(data: st.DataObject) -> None:
    message = said("risk", state(7))
    text = message.headers[HEADER]
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda each: each != text[place]))
    tampered = message._replace(headers={HEADER: text[:place] + other + text[place + 1 :]})
    assert isinstance(VERIFIER.check(tampered, RiskState), Refusal)


def test_r70_nothing_passes_under_another_subject_class_id_or_platform() -> None:
    message = said("quoter", halt())
    assert isinstance(VERIFIER.check(message, Halt), Signature)
    elsewhere = message._replace(subject="risk.halt.global.manual")
    other_id = message._replace(headers={**message.headers, MESSAGE_ID: "halt:other"})
    assert fault_of(VERIFIER.check(elsewhere, Halt)) is Fault.UNPROVEN
    assert fault_of(VERIFIER.check(other_id, Halt)) is Fault.UNPROVEN
    assert fault_of(VERIFIER.check(message, Alert)) is Fault.UNPROVEN, "not as what it is not"
    assert fault_of(Verifier(listed(platform_id="p2")).check(message, Halt)) is Fault.UNPROVEN


def test_r70_a_strangers_key_under_a_known_id_proves_nothing() -> None:
    message = said("quoter", halt(), signer=Signer(OTHERS, PLATFORM, 1))
    assert fault_of(VERIFIER.check(message, Halt)) is Fault.UNPROVEN


NOTHING = "A" * 86 + "=="


@pytest.mark.parametrize(
    "text",
    ["", "1", f"2 risk risk-1 1.1 {NOTHING}", f"1 risk risk-1 01.1 {NOTHING}", f"1 risk risk-1 1.1 {'A' * 85}B=="],
)
def test_a_header_of_another_form_is_no_signature(text: str) -> None:
    assert parse_header(text) is None
    assert fault_of(VERIFIER.check(Message("risk.state.0", b"", headers={HEADER: text}), RiskState)) is Fault.UNSIGNED


# --- who may say what -------------------------------------------------------------------------------------------


def test_r70_what_is_signed_is_every_acked_class_but_one_and_what_the_last_door_relies_on() -> None:
    signed = {name for name, cls in REGISTRY.items() if cls.signed}
    acked = {name for name, cls in REGISTRY.items() if cls.acked and cls is not OrderUpdates}
    assert signed - acked == {"RiskState", "Position", "FeedStatus"}
    assert acked <= signed
    assert signed == {cls.__name__ for cls in SIGNERS}


@pytest.mark.parametrize("cls", SIGNERS, ids=lambda cls: cls.__name__)
def test_r70_who_may_sign_is_who_the_broker_lets_publish(cls: type[Event]) -> None:
    if cls in (Audit, Parked) or cls in EVERYONE_SAYS:
        assert SIGNERS[cls] == EVERYONE == set(DUTIES)
        return
    if cls is Lease:
        publishers = {user for user, duties in DUTIES.items() if duties.leases}
    elif issubclass(cls, StoreIdentity):
        publishers = {user for user in USERS if cls.subject in publish_subjects(user)}
    else:
        publishers = {user for user, duties in DUTIES.items() if cls in duties.says}
    assert publishers <= SIGNERS[cls]
    # A hedge parent is risk's, a person's order the gateway's: both may.
    assert SIGNERS[cls] == publishers


def test_r70_nobody_but_the_quoter_signs_a_fill() -> None:
    assert [role for role in ROLES if entitled(role, Fill)] == ["quoter"]


@pytest.mark.parametrize("kind", PostingKind)
def test_r70_the_quoter_posts_what_the_venue_did_and_risk_everything_else(kind: PostingKind) -> None:
    venue_did = kind in (PostingKind.MERGE, PostingKind.SPLIT, PostingKind.REVERSAL, PostingKind.TRANSFER)
    assert (fault_in("quoter", posting(kind), chained=False) == "") == venue_did
    assert (fault_in("risk", posting(kind), chained=False) == "") != venue_did
    assert "gateway" in fault_in("gateway", posting(kind), chained=False)


@pytest.mark.parametrize("role", ROLES)
def test_r70_five_roles_halt_and_only_the_gateway_lifts_naming_the_halt(role: str) -> None:
    assert (fault_in(role, halt(), chained=False) == "") == (role not in ("feed", "streams"))
    assert (fault_in(role, halt(lifted=True), chained=True) == "") == (role == "gateway")
    assert fault_in("gateway", halt(lifted=True), chained=False) == "a lift names the halt it lifts"


def test_r70_nobody_speaks_in_anothers_name() -> None:
    alert = Alert(level=AlertLevel.INFO, algo_id="1", source="risk", kind="k", text="t", ts_ns=1)
    lease = Lease(role="quoter", key="mm1", holder="me", beat=1, ttl_ms=1)
    parked = Parked(service="risk", parked_id="1", from_subject="s", reason="r", data=b"", ts_ns=1)
    assert fault_in("feed", alert, chained=False) == "feed speaks as risk"
    assert fault_in("feed", lease, chained=True) == "feed speaks as quoter"
    assert fault_in("feed", parked, chained=False) == "feed speaks as risk"
    assert fault_in("quoter", lease, chained=True) == ""
    assert "follows" in fault_in("quoter", lease, chained=False)


def test_r70_a_role_that_may_not_is_told_from_a_key_that_does_not_prove_itself() -> None:
    forged = said("feed", Position(algo_id="1", lines=[], realized=0, fees=0, fill_sequence=1, ts_ns=1))  # type: ignore[arg-type]
    assert fault_of(VERIFIER.check(forged, Position)) is Fault.NOT_ENTITLED
    assert Fault.NOT_ENTITLED.forged
    assert Fault.UNSIGNED.forged
    assert not Fault.UNPROVEN.forged


# --- keys and their ranges --------------------------------------------------------------------------------------


def test_r70_a_key_holds_after_it_was_made_until_its_successor_and_never_once_revoked() -> None:
    found = {sequence: said("risk", state(1), sequence) for sequence in (0, 5, 10, 11)}
    until = changed("risk-1", valid_from={"RISK": 5}, valid_until={"RISK": 10})
    proven = {sequence: isinstance(until.check(message, RiskState), Signature) for sequence, message in found.items()}
    assert proven == {0: False, 5: False, 10: True, 11: False}
    revoked = changed("risk-1", revoked_from={"RISK": 10})
    proven = {sequence: isinstance(revoked.check(message, RiskState), Signature) for sequence, message in found.items()}
    assert proven == {0: False, 5: True, 10: False, 11: False}
    elsewhere = changed("risk-1", revoked_from={"FILL": 10})
    assert fault_of(elsewhere.check(found[5], RiskState)) is Fault.UNPROVEN, "in streams that are not named, wholly"


def test_r70_unsigned_is_accepted_up_to_the_seal_and_never_after() -> None:
    seal = Seal(stream="RISK", last_sequence=7, sha256="", who="anna", reason="upgrade", sealed_at="")
    sealed = Verifier(listed(seals=[seal]))
    bare = Message(state(1).address(), encode(state(1)))
    assert sealed.check(bare._replace(sequence=7), RiskState) is None
    assert fault_of(sealed.check(bare._replace(sequence=8), RiskState)) is Fault.UNSIGNED
    assert fault_of(sealed.check(bare, RiskState)) is Fault.UNSIGNED, "what has just arrived is not of before"


def test_r70_a_list_is_believed_with_its_root_keys_signature_only() -> None:
    root, other = SigningKey.generate(), SigningKey.generate()
    data = signed_list(listed(), root)
    assert read_key_list(data, root.verify_key, PLATFORM) == listed()
    for wrong, key, platform in (
        (data, other.verify_key, PLATFORM),
        (data, root.verify_key, "p2"),
        (data.replace(b"risk-1", b"risk-2"), root.verify_key, PLATFORM),
        (signed_list(listed(keys=listed().keys * 2), root), root.verify_key, PLATFORM),
        (b"mm-public-keys 1", root.verify_key, PLATFORM),
    ):
        with pytest.raises(ContractError, match="public keys"):
            read_key_list(wrong, key, platform)


# --- what is not obeyed again -----------------------------------------------------------------------------------


def obey(obeyed: Obeyed, *messages: Message) -> list[bool]:
    """Return which of some messages, read in this order, are obeyed."""
    classes = [next(cls for cls in (Halt, RiskState, BotConfig) if _is(cls, message)) for message in messages]
    return [
        not isinstance(take(VERIFIER, obeyed, cls, message), Refusal)
        for cls, message in zip(classes, messages, strict=True)
    ]


def _is(cls: type[Event], message: Message) -> bool:
    return message.subject.startswith(cls.subject.split("{")[0])


def config(revision: int) -> BotConfig:
    return BotConfig(
        algo_id="1", kind="binary", revision=revision, running=True, sections={}, actor="anna", ts_ns=revision
    )


def test_r70_a_lift_stored_again_lifts_no_later_halt() -> None:
    first, lift = said("quoter", halt(1), 1), said("gateway", halt(2, lifted=True), 2, after=1)
    second = said("risk", halt(3), 3)
    again, own = lift._replace(sequence=4), said("gateway", halt(4, lifted=True), 5, after=3)
    assert obey(Obeyed(), first, lift, second, again, own) == [True, True, True, False, True]


def test_r70_a_lift_that_names_an_earlier_halt_leaves_the_later_one() -> None:
    first, second = said("quoter", halt(1), 1), said("risk", halt(2), 2)
    assert obey(Obeyed(), first, second, said("gateway", halt(3, lifted=True), 3, after=1)) == [True, True, False]


def test_r70_an_old_halt_stored_again_after_its_lift_halts_nothing() -> None:
    first, lift = said("quoter", halt(1), 1), said("gateway", halt(2, lifted=True), 2, after=1)
    assert obey(Obeyed(), first, lift, first._replace(sequence=3)) == [True, True, False]


def test_r70_an_old_configuration_stored_again_is_not_obeyed_the_newest_may_be() -> None:
    one, two = said("gateway", config(1), 10, after=0), said("gateway", config(2), 11, after=10)
    three = said("gateway", config(3), 13, after=12)
    assert obey(Obeyed(), one, two, two._replace(sequence=12), one._replace(sequence=12), three) == [
        True,
        True,
        True,
        False,
        True,
    ]


def test_r70_newest_values_never_go_back_and_a_restarted_publisher_goes_on() -> None:
    one, two = said("risk", state(1)), said("risk", state(2))
    later = said("risk", state(3), signer=Signer(PRIVATE["risk"], PLATFORM, 2))
    assert obey(Obeyed(), one, two, two, one, later, two, later) == [True, True, True, False, True, False, True]


def test_r70_the_memory_outlives_the_process_and_has_a_bound() -> None:
    obeyed = Obeyed()
    one, two = said("risk", state(1)), said("risk", state(2))
    assert obey(obeyed, one, two) == [True, True]
    again = Obeyed.restored(msgspec.json.decode(msgspec.json.encode(obeyed.document())))
    assert obey(again, one, two) == [False, True]
    again.forget_stream("RISK")
    assert obey(again, one) == [True]
    for number in range(SUBJECTS_MAX + 10):
        signature = SIGNERS_BY_ROLE["feed"].sign(f"market.v.{number}", "Market", "", b"")
        again.note(f"market.v.{number}", signature, 0)
    assert len(again.document()) == SUBJECTS_MAX
    with pytest.raises(msgspec.ValidationError):
        Obeyed.restored({"a.b": 7})


def test_r70_a_password_of_before_is_not_obeyed() -> None:
    def user(revision: int) -> User:
        return User(id="anna", name="Anna", password_hash="", roles=[], revision=revision, actor="a", ts_ns=revision)

    obeyed, one = Obeyed(), said("gateway", user(1), 1, after=0)
    assert isinstance(take(VERIFIER, obeyed, User, one), User)
    assert isinstance(take(VERIFIER, obeyed, User, said("gateway", user(2), 2, after=1)), User)
    assert fault_of(take(VERIFIER, obeyed, User, one._replace(sequence=3))) is Fault.OUTDATED


def test_r71_after_a_person_has_resumed_sequences_may_be_given_out_again_and_counts_go_on() -> None:
    obeyed = Obeyed()
    one, lift = said("risk", state(1)), said("gateway", halt(2, lifted=True), 2, after=1)
    revised, again = said("gateway", config(2), 61, after=60), said("gateway", config(2), 41, after=40)
    assert obey(obeyed, one, lift, revised, again) == [True, True, True, False]
    obeyed.forget_sequences()
    assert obey(obeyed, again, one) == [True, True]
    assert obey(obeyed, said("risk", state(1))) == [True]
    assert obey(obeyed, one) == [False], "an old word is an old word in every generation"
