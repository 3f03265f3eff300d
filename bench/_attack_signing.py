"""What signing costs: processor time per fill and per RiskState, at their signer and at each reader."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

from common.bus.messages import Message
from common.bus.permissions import DUTIES
from common.events import Event, RiskState, encode, received
from common.signing import HEADER, KeyList, Obeyed, PrivateKey, PublicKey, Refusal, Signer, Verifier
from common.signing.judge import take
from common.signing.verify import MESSAGE_ID
from common.testing.limits import binary_limits
from nacl.signing import SigningKey
from risk.testing.events import a_fill
from toolkit.checking.bench import Figure

EVENTS = 400
ROUNDS = 7
BOTS = 10
PLATFORM = "bench"


def signing_figures() -> list[Figure]:
    """Return µs of processor time per event, the best of some rounds, and their ratio to bare Ed25519."""
    bare_sign, bare_verify = _bare_us()
    found = []
    for what, role, make in (("fill", "quoter", a_fill), ("RiskState", "risk", _risk_state)):
        sign, verify = _event_us(role, make)
        readers = sum(type(make(1)) in duties.hears for duties in DUTIES.values())
        found += [
            Figure(f"signing per {what}", round(sign, 1), f"µs of CPU, {sign / bare_sign:.2f} x bare Ed25519"),
            Figure(
                f"verifying per {what}",
                round(verify, 1),
                f"µs of CPU at each of {readers} readers, {verify / bare_verify:.2f} x bare Ed25519",
            ),
        ]
    return found


def _event_us(role: str, make: Callable[[int], Event]) -> tuple[float, float]:
    """Return what signing an event costs, and what a reader pays above decoding it."""
    key = PrivateKey(role, f"{role}-1", SigningKey.generate())
    listed = PublicKey(key_id=key.key_id, role=role, public_key=key.public)
    verifier = Verifier(KeyList(platform_id=PLATFORM, serial=1, keys=[listed]))
    signer = Signer(key, PLATFORM, 1)
    events = [make(number) for number in range(1, EVENTS + 1)]
    cls = type(events[0])
    said = [(event.address(), event.message_id() if event.acked else "", encode(event)) for event in events]
    messages: list[Message] = []

    def sign() -> None:
        messages.clear()
        for number, (subject, message_id, data) in enumerate(said, start=1):
            signature = signer.sign(subject, cls.__name__, message_id, data)
            headers = {HEADER: signature.header()} | ({MESSAGE_ID: message_id} if message_id else {})
            messages.append(Message(subject, data, number, headers=headers))

    def read() -> None:
        obeyed = Obeyed()
        for message in messages:
            assert not isinstance(take(verifier, obeyed, cls, message), Refusal)

    def decode() -> None:
        for message in messages:
            received(cls, message.data, message.subject)

    signed = _us_each(sign)
    return signed, _us_each(read) - _us_each(decode)


def _bare_us() -> tuple[float, float]:
    """Return what the library alone takes to sign and to verify 300 bytes."""
    key = SigningKey.generate()
    data = bytes(300)
    signature = key.sign(data).signature
    public = key.verify_key
    return (
        _us_each(lambda: [key.sign(data) for _ in range(EVENTS)]),
        _us_each(lambda: [public.verify(data, signature) for _ in range(EVENTS)]),
    )


def _us_each(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - began)
    return best / EVENTS / 1_000


def _risk_state(number: int) -> RiskState:
    limits = binary_limits()
    bots = [str(bot) for bot in range(1, BOTS + 1)]
    return RiskState(
        shard="0",
        ledger_sequence=number,
        limits={},
        bot_limits=dict.fromkeys(bots, limits),
        config_revisions=dict.fromkeys(bots, 1),
        halts=[],
        daily_pnl=dict.fromkeys(bots, Decimal("12.34")),
        ts_ns=number,
    )
