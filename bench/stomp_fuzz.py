"""Mutated frames on the server's end of STOMP: each is taken or answered with an ERROR, and memory must not grow.

Each frame is a valid one of some version that was changed: half of them in a digit, so that sessions go on; the others
by bytes flipped, cut out, doubled or put in, a piece of another frame, lines in another order. It arrives in pieces cut
anywhere, on a session that also hears valid frames, and that is replaced when it has ended. Logins, messages, refusals
and timers go on in between, and everything the session writes is read again: one whole frame in each item.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from stompframes.frames import ALL_VERSIONS, Version
from stompframes.heartbeats import NS_PER_MS
from stompframes.messages import SharedMessage, own_headers_until_number
from stompframes.parser import Limits, Parser
from stompframes.server import PROTOCOL_FAULT, Event, LoginAsked, Sent, ServerSession, ServerSettings, Subscribed
from stompframes.subscriptions import Subscription
from toolkit.checking.bench import Figure, at_least, at_most
from toolkit.checking.bench_options import whole_number

FRAMES = 1_000_000
TENTHS = 10
CPU_S_MAX = 300.0
"""For `FRAMES`; fewer have their share."""
GROWTH_MB_MAX = 5.0
SOCKETS_GROWTH_MB_MAX = 20.0
"""Client and server in one process."""
RULES_MIN = 24
"""Of the protocol's and our limits' rules, how many whole runs break."""
SETTINGS = ServerSettings(
    limits=Limits(headers=16, line_bytes=256, frame_bytes=2_048),
    login_bytes=2_048,
    subscriptions=3,
    unacked=4,
    unacked_in_all=8,
    transactions=3,
    held_bytes=512,
    id_chars=24,
)
"""Small, so that limits are reached."""
FRAMES_PER_SESSION = 64
LIGHTLY = 0.5
VALID_MAX = 4
"""Valid frames before each mutated one."""
TOKENS = (
    *(b"\0", b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b":", b"\\", b"\\n", b"\\c", b"\\r", b"\\t", b"\xff", b" "),
    *(b"content-length:", b"content-length:4\n", b"content-length:-1\n", b"content-length:99999999999\n"),
    *(b"receipt:r1\n", b"receipt:\\c\n", b"transaction:t1\n", b"id:\n", b"id:s1\n", b"ack:none\n", b"heart-beat:1\n"),
    *(b"accept-version:9\n", b"\xc3\xa4", b"\xed\xa0\x80", b"a:b\n" * 20, b"x" * 300, b"y" * 3_000, b"id:" + b"z" * 30),
)


class Result(NamedTuple):
    """What came of all mutated frames."""

    cpu_s: float
    rss_mb: list[float]
    """After each tenth."""
    rules: Counter[str]
    """How often each rule was broken."""
    unexpected: int
    """Whatever was raised."""
    sessions: int
    events: int
    written: int


def valid_frames(version: Version) -> tuple[list[bytes], list[bytes]]:
    """Return frames of a client of a version: those that may come at any time, and others."""
    by = "id" if version is Version.V1_2 else "message-id"
    named = "\nsubscription:s1" if version is Version.V1_1 else ""
    modes = ("auto", "client") if version is Version.V1_0 else ("auto", "client", "client-individual")
    at_any_time = [
        "SEND\ndestination:/app/x\ncorrelation-id:a\ncontent-length:6\n\nbo\0dy.\0",
        "SEND\r\ndestination:/app/x\r\nreceipt:r\r\n\r\nbody\0\r\n",
        *(f"UNSUBSCRIBE\nid:s{n}\ndestination:/topic/a\n\n\0" for n in range(4)),
        "\r\n\n",
    ]
    others = [
        *(f"SUBSCRIBE\nid:s{n}\ndestination:/topic/{n}\nack:{mode}\n\n\0" for n, mode in enumerate(modes * 2)),
        "SUBSCRIBE\ndestination:/topic/a\nreceipt:r1\nid:s9\n\n\0",
        *(f"ACK\n{by}:41-{n}{named}\n\n\0" for n in range(1, 4)),
        f"NACK\n{by}:41-1{named}\ntransaction:t1\n\n\0",
        "SEND\ndestination:/app/x\ntransaction:t1\n\n" + "x" * 100 + "\0",
        *(f"BEGIN\ntransaction:t{n}\n\n\0" for n in range(3)),
        *(f"{command}\ntransaction:t1\n\n\0" for command in ("COMMIT", "ABORT")),
        "DISCONNECT\nreceipt:r1\n\n\0",
        "CONNECT\naccept-version:1.0,1.1,1.2\nheart-beat:10000,10000\nauthorization:bearer t\n\n\0",
        "MESSAGE\ndestination:/a\n\n\0",
    ]
    return [text.encode() for text in at_any_time], [text.encode() for text in others]


def mutated(frame: bytes, other: bytes, chance: Random) -> bytes:
    """Return a frame with another digit, or with one to four changes, and never the same."""
    found = frame
    while found == frame:
        found = _changed(frame, other, chance)
    return found


def _changed(frame: bytes, other: bytes, chance: Random) -> bytes:
    data = bytearray(frame)
    digits = [at for at, byte in enumerate(frame) if byte in b"0123456789"]
    if digits and chance.random() < LIGHTLY:
        data[chance.choice(digits)] = chance.choice(b"0123456789")
        return bytes(data)
    for _ in range(chance.randrange(1, 5)):
        a = chance.randrange(len(data) + 1)
        b = min(len(data), a + chance.randrange(8))
        how = chance.randrange(7)
        if how == 0 and a < len(data):
            data[a] ^= 1 << chance.randrange(8)
        elif how == 1:
            del data[a:b]
        elif how == 2:
            data[a:a] = data[a:b]
        elif how == 3:
            data[a:a] = chance.choice(TOKENS)
        elif how == 4:
            data[a:] = other[chance.randrange(len(other)) :]
        elif how == 5:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            data = bytearray(b"\n".join(lines))
        else:
            # A header more, where headers are.
            end = data.find(b"\n") + 1
            data[end:end] = chance.choice(TOKENS)
    return bytes(data)


PARSE_US_MAX, SPLICE_US_MAX = 5.0, 0.5
STEP_ROUNDS, STEP_CALLS = 40, 300
SUBSCRIBE = b"SUBSCRIBE\nack:auto\nid:sub-0\ndestination:/user/topic/source-market-data/1\n\n\0"


class Fuzzed:
    """Sessions one after another, and what a gateway does with each."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.valid = {version: valid_frames(version) for version in ALL_VERSIONS}
        self.rules: Counter[str] = Counter()
        self.sessions = self.events = self.written = 0
        self.renew()

    def renew(self) -> None:
        """Begin another session, mostly up to its login."""
        self.now_ns = 1
        self.sessions += 1
        self.left = FRAMES_PER_SESSION
        self.version = self.chance.choice(ALL_VERSIONS)
        self.session = ServerSession("41", self.now_ns, SETTINGS)
        self.subscribed: list[Subscription] = []
        if self.chance.random() < 0.9:
            self.hear(b"CONNECT\naccept-version:%b\nheart-beat:5000,5000\n\n\0" % self.version.encode())

    def frame(self) -> None:
        """Send one mutated frame, behind some that are valid."""
        chance = self.chance
        at_any_time, others = self.valid[self.version]
        for _ in range(chance.randrange(VALID_MAX + 1)):
            self.hear(chance.choice(at_any_time))
        data = mutated(chance.choice(others), chance.choice(at_any_time), chance)
        cut = chance.randrange(len(data) + 1)
        self.hear(data[:cut])
        if chance.random() < 0.1:
            # A text, as a websocket gives it, where it is one.
            self.hear(data[cut:].decode("utf-8", "surrogateescape"))
        else:
            self.hear(data[cut:])
        if chance.random() < 0.1:
            self.now_ns += chance.randrange(60_000 * NS_PER_MS)
            due_ns = self.session.next_deadline_ns()
            if due_ns is not None and due_ns <= self.now_ns:
                self.session.on_time(self.now_ns)
        self.read()
        self.left -= 1
        if self.session.closing is not None or not self.left:
            self.renew()

    def hear(self, data: bytes | str) -> None:
        for event in self.session.receive(data, self.now_ns):
            self.act_on(event)

    def act_on(self, event: Event) -> None:
        self.events += 1
        session, chance, now_ns = self.session, self.chance, self.now_ns
        if isinstance(event, LoginAsked):
            if chance.random() < 0.02:
                session.deny("Access Denied", "no such token", now_ns)
            elif chance.random() < 0.98:
                for more in session.accept("ada", now_ns):
                    self.act_on(more)
        elif isinstance(event, Subscribed):
            if chance.random() < 0.2:
                session.refuse(event.subscription, 404, b"{}", now_ns)
            else:
                self.subscribed.append(event.subscription)
                for _ in range(chance.randrange(4)):
                    session.deliver(event.subscription, SharedMessage("/topic/a", b"{}"), now_ns)
        elif isinstance(event, Sent):
            session.refuse(event, 405, b"{}", now_ns)

    def read(self) -> None:
        """Read what the session has written: one whole frame in each item, or a heartbeat."""
        closing = self.session.closing
        for item in self.session.output():
            self.written += 1
            if item == b"\n":
                continue
            parser = Parser(self.session.version)
            parser.feed(item)
            frame = parser.next_frame()
            if frame is None or parser.waiting_bytes:
                raise AssertionError(f"written is no frame: {item!r}")
            if frame.command == "ERROR":
                if closing is None or closing.code != PROTOCOL_FAULT or not frame.get("message"):
                    raise AssertionError(f"an ERROR that does not end the connection: {item!r}")
                self.rules[closing.reason] += 1


def run(frames: int, seed: int) -> Result:
    """Send so many mutated frames; count what is raised, and show the first of it."""
    fuzzed, rss_mb, unexpected = Fuzzed(seed), [], 0
    began = time.process_time()
    for tenth in range(TENTHS):
        for _ in range(frames * (tenth + 1) // TENTHS - frames * tenth // TENTHS):
            try:
                fuzzed.frame()
            except Exception:
                if not unexpected:
                    traceback.print_exc()
                unexpected += 1
                fuzzed.renew()
        rss_mb.append(resident_mb())
        print(f"{frames * (tenth + 1) // TENTHS:,} frames: {rss_mb[-1]:.1f} MB", flush=True)
    cpu_s = time.process_time() - began
    return Result(cpu_s, rss_mb, fuzzed.rules, unexpected, fuzzed.sessions, fuzzed.events, fuzzed.written)


def resident_mb() -> float:
    """Return the memory that this process has now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def step_us(step: Callable[[], object]) -> float:
    """Return the CPU of one call in µs: the least of many rounds, since all else only adds to it."""

    def once() -> float:
        began = time.process_time()
        for _ in range(STEP_CALLS):
            step()
        return (time.process_time() - began) / STEP_CALLS * 1e6

    return min(once() for _ in range(STEP_ROUNDS))


def parse_us() -> float:
    """Return the CPU of reading one SUBSCRIBE, in µs."""
    parser = Parser(Version.V1_2)

    def step() -> None:
        parser.feed(SUBSCRIBE)
        parser.next_frame()

    return step_us(step)


def splice_us() -> float:
    """Return the CPU of putting one subscriber's headers into a message of 1.3 KB, in µs."""
    message = SharedMessage("/user/topic/source-market-data/1", b"x" * 1_300)
    own = own_headers_until_number("sub-0", "41", Version.V1_2) + b"14697\n"
    return step_us(lambda: message.for_subscriber(own, Version.V1_2))


def over_sockets(frames: int, seed: int) -> list[Figure]:
    """Return what came of mutated frames over real websockets, a good client's answer included."""
    # Only here, for a session alone needs nothing of the gateway.
    import _fuzz_sockets

    found = asyncio.run(_fuzz_sockets.run(frames, seed))
    return [
        Figure("mutated frames", frames, "frames"),
        Figure("connections", found.connections, ""),
        Figure("messages read", found.messages, ""),
        at_most("exceptions", found.raised, "", 0),
        at_most("memory, end over first tenth", round(found.growth_mb, 2), "MB", SOCKETS_GROWTH_MB_MAX),
    ]


def main(options: list[str]) -> list[Figure]:
    """Return what came of the frames, and whether time and memory stayed within their aims."""
    parser = argparse.ArgumentParser(prog="bench stomp-fuzz", description=__doc__)
    parser.add_argument("--frames", type=whole_number(TENTHS, 100 * FRAMES), default=FRAMES, help="mutated frames")
    parser.add_argument("--seed", type=whole_number(0), default=1)
    parser.add_argument("--sockets", type=whole_number(1, FRAMES), help="so many frames over real websockets instead")
    arguments = parser.parse_args(options)
    if arguments.sockets is not None:
        return over_sockets(arguments.sockets, arguments.seed)
    found = run(arguments.frames, arguments.seed)
    for rule, count in found.rules.most_common():
        print(f"{count:>9,}  {rule}")
    return [
        Figure("mutated frames", arguments.frames, "frames"),
        Figure("sessions", found.sessions, ""),
        Figure("events", found.events, ""),
        Figure("frames written and read again", found.written, ""),
        at_most("exceptions", found.unexpected, "", 0),
        at_least("rules broken", len(found.rules), "", RULES_MIN),
        at_most("CPU", round(found.cpu_s, 1), "s", CPU_S_MAX * max(arguments.frames, FRAMES // TENTHS) / FRAMES),
        at_most("parse of a SUBSCRIBE", round(parse_us(), 2), "µs of CPU", PARSE_US_MAX),
        at_most("splice of a subscriber's headers", round(splice_us(), 2), "µs of CPU", SPLICE_US_MAX),
        at_most("memory, last tenth over first", round(found.rss_mb[-1] - found.rss_mb[0], 2), "MB", GROWTH_MB_MAX),
    ]
