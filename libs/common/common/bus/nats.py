"""One connection to the broker: plain and acked publishes, requests, and news of breaks and returns."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from common.bus.features import OLDEST, Features, features_in
from common.errors import BusError, BusUnavailable, PublishRefused
from common.events.base import Event, encode
from common.settings import ServiceSettings
from common.signing import HEADER
from common.signing.keyfiles import key_files
from common.signing.verify import MESSAGE_ID
from common.streams import JETSTREAM_API, stream_of
from common.versions import text_of, version_in

CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.25
PING_INTERVAL_S = 5
PINGS_OUTSTANDING_MAX = 2
REQUEST_TIMEOUT_S = 1.0
ACK_TIMEOUT_S = 0.3
"""After this long without an ack the same message id is sent again."""
ACK_ATTEMPTS_MAX = 10
SAME_OBJECTION_S = 10.0
NOBODY_LISTENS = "503"
PENDING_BYTES_MAX = 8 * 1024 * 1024
UNWRITTEN_BYTES_MAX = 256 * 1024
"""With more than this not yet taken by the socket, publishing waits its turn."""

FORBIDDEN = b'{"error": {"err_code": 403, "description": "this user may not publish here"}}'
"""What an acked publish is answered when the broker will not take it from this user."""
_FORBIDDEN = re.compile(r'permissions violation for publish to "([^"]+)"')

log = structlog.get_logger()


class _Refused(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    """What the broker answers an acked publish."""

    seq: int | None = None
    error: _Refused | None = None


_ACKS = msgspec.json.Decoder(_Ack)

Callback = Callable[[Msg], Awaitable[None]]
OnAck = Callable[[Msg], None]
"""Told an answer to an acked publish or a question, within the client's own reading: it must only note it."""


class PromptClient(Client):
    """Writes what is published in the same turn of the event loop, where the library wakes a task to do it.

    The kernel takes it at the end of that turn either way, so several publishes of a turn still share a write.
    """

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        if force_flush or not self.is_connected or self._unwritten_bytes() > UNWRITTEN_BYTES_MAX:
            return await super()._flush_pending(force_flush)
        assert self._transport is not None, "what is connected has a transport"
        pending, self._pending = self._pending, []
        self._pending_data_size = 0
        self._transport.writelines(pending)
        return None

    def _unwritten_bytes(self) -> int:
        """Return what the socket has not taken yet; with a transport that cannot tell, more than it may be."""
        writer = getattr(self._transport, "_io_writer", None)
        return UNWRITTEN_BYTES_MAX + 1 if writer is None else int(writer.transport.get_write_buffer_size())


class NatsConnection:
    """A NATS client that reconnects forever and tells when it does.

    Acked publishes and questions of many answers share one reply inbox: a subscription per publish would cost nine
    tenths of the rate.
    """

    def __init__(self, settings: ServiceSettings, service: str) -> None:
        self._settings = settings
        self.service = service
        self.keys = key_files(settings, service)
        """What this process signs with; None for one that may publish but is not believed."""
        self.inbox_prefix = f"_INBOX_{settings.nats_user or service}"
        self._client: Client = PromptClient()
        # Nobody else's, not even a second process of the same name: its answers are numbered as ours are.
        self._reply_inbox = f"{self.inbox_prefix}.reply.{secrets.token_hex(8)}"
        self._expected: dict[str, tuple[str, OnAck]] = {}
        """Subject and listener of what waits for an answer, by its number."""
        self._numbers = itertools.count(1)
        self._on_disconnect: list[Callable[[], Awaitable[None]]] = []
        self._on_reconnect: list[Callable[[], Awaitable[None]]] = []
        self.closed = asyncio.Event()
        self._refused = asyncio.Event()
        self.dropped = 0
        """Messages a slow subscription lost, since start."""
        self._objection, self._objected_s = "", 0.0
        self.features: Features = OLDEST
        """What the broker we are connected to can do."""

    async def connect(self) -> None:
        """Connect, retrying forever; BusError when the broker refuses the credentials."""
        connecting = asyncio.create_task(self._connect())
        refused = asyncio.create_task(self._refused.wait())
        try:
            await asyncio.wait({connecting, refused}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise BusError(f"the broker refused user {self._settings.nats_user or self.service}")
            connecting.result()
        finally:
            connecting.cancel()
            refused.cancel()
        self.features = features_in(self.server_version)
        await self._client.subscribe(f"{self._reply_inbox}.*", cb=self._on_answer)

    async def _connect(self) -> None:
        password = self._settings.nats_password()
        while True:
            try:
                await self._client.connect(
                    self._settings.nats_url,
                    name=f"{self.service}/{self._settings.instance}",
                    user=(self._settings.nats_user or self.service) if password else None,
                    password=password.get_secret_value() if password else None,
                    connect_timeout=CONNECT_TIMEOUT_S,
                    reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # it is only slept on
                    max_reconnect_attempts=-1,
                    ping_interval=PING_INTERVAL_S,
                    max_outstanding_pings=PINGS_OUTSTANDING_MAX,
                    inbox_prefix=self.inbox_prefix,
                    pending_size=PENDING_BYTES_MAX,
                    skip_subject_validation=True,  # subjects come from escape_token only
                    error_cb=self._error,
                    disconnected_cb=self._disconnected,
                    reconnected_cb=self._reconnected,
                    closed_cb=self._closed,
                )
                return
            except (TimeoutError, OSError, nats.errors.Error):
                await asyncio.sleep(RECONNECT_WAIT_S)
                self._client = PromptClient()

    def on_disconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        self._on_disconnect.append(callback)

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        self._on_reconnect.append(callback)

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    @property
    def server_version(self) -> str:
        """Return the version of the broker we are connected to, such as '2.15.1'."""
        found = version_in(str(self._client.connected_server_version))
        return text_of(found) if found is not None else ""

    @property
    def client(self) -> Client:
        return self._client

    async def publish(self, event: Event) -> None:
        """Publish without waiting for anything; lost when the broker is away, never sent later."""
        subject, data = event.address(), encode(event)
        try:
            headers = self.signature(event, subject, data) if event.signed else None
        except PublishRefused as error:
            self._note_objection(str(error))
            return
        await self.publish_bytes(subject, data, headers=headers)

    @property
    def key_id(self) -> str:
        """Return which key signs now; '' for none."""
        return self.keys.key_id if self.keys is not None else ""

    def signature(self, event: Event, subject: str, data: bytes, after: int | None = None) -> dict[str, str]:
        """Return the header that proves a signed event ours, made once per message and kept for its repeats.

        PublishRefused when nobody would believe our key.
        """
        return self.keys.headers(event, subject, data, after) if event.signed and self.keys is not None else {}

    async def publish_bytes(
        self, subject: str, data: bytes, reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        if not self._client.is_connected:
            # Buffering would flush values of the past when the broker returns.
            return
        try:
            await self._client.publish(subject, data, reply, headers=headers)
        except nats.errors.Error as error:
            log.warning("not published", subject=subject, why=type(error).__name__)

    async def publish_acked(self, event: Event, *, expected_last_sequence: int | None = None) -> int:
        """Publish and return the stream sequence; a repeat of the message id returns the first one's.

        Raises PublishRefused (expected sequence wrong, stream full) or BusUnavailable after `ACK_ATTEMPTS_MAX`
        tries without an answer.
        """
        subject, data = event.address(), encode(event)
        headers = ack_headers(event, expected_last_sequence, self.features)
        headers |= self.signature(event, subject, data, expected_last_sequence)
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        number = self.expect_ack(
            subject,
            lambda message: None if answer.done() else answer.set_result(message),
        )
        try:
            for _ in range(ACK_ATTEMPTS_MAX):
                await self.publish_for_ack(subject, data, headers, number)
                await asyncio.wait({answer}, timeout=ACK_TIMEOUT_S)
                if answer.done():
                    return sequence_of(subject, answer.result())
        except PublishRefused:
            # Newer brokers compare sequences before they recognise a repeat.
            if expected_last_sequence is None or not (sequence := await self._already_stored(subject, headers, data)):
                raise
            return sequence
        finally:
            self.forget_ack(number)
        raise BusUnavailable(f"no ack for {subject} after {ACK_ATTEMPTS_MAX} tries")

    async def _already_stored(self, subject: str, headers: Mapping[str, str], data: bytes) -> int:
        """Return the sequence of the newest message of a subject when it is this very one, else 0."""
        asked = f"{JETSTREAM_API}.DIRECT.GET.{stream_of(subject).name}"
        try:
            newest = await self.request(asked, json.dumps({"last_by_subj": subject}).encode())
        except BusUnavailable:
            return 0
        found = newest.headers or {}
        same = newest.data == data and all(found.get(name) == headers.get(name) for name in (MESSAGE_ID, HEADER))
        return int(found.get("Nats-Sequence", 0)) if same else 0

    def expect_ack(self, subject: str, on_ack: OnAck) -> str:
        """Return the number under which answers to a publish come to `on_ack`, until it is forgotten."""
        # A newer broker says so of a subject that no stream has yet; an old one says nothing. It is sent again.
        return self._expect(subject, lambda answer: None if _nobody_listens(answer) else on_ack(answer))

    def _expect(self, subject: str, on_answer: OnAck) -> str:
        number = str(next(self._numbers))
        self._expected[number] = (subject, on_answer)
        return number

    def forget_ack(self, number: str) -> None:
        self._expected.pop(number, None)

    async def publish_for_ack(self, subject: str, data: bytes, headers: dict[str, str], number: str) -> bool:
        """Send once, with the answer to an expected number; return False when the connection does not take it."""
        if not self._client.is_connected:
            return False
        try:
            await self._client.publish(subject, data, f"{self._reply_inbox}.{number}", headers=headers)
        except nats.errors.Error:
            return False
        return True

    async def _on_answer(self, message: Msg) -> None:
        found = self._expected.get(message.subject.rsplit(".", 1)[1])
        if found is not None:
            found[1](message)

    def _tell_forbidden(self, subject: str) -> None:
        """Answer those who wait for what this user may not publish: the broker itself answers nothing."""
        for waiting, on_answer in list(self._expected.values()):
            # The client gives the broker's words in lower case.
            if waiting.lower() == subject:
                on_answer(Msg(self._client, subject=waiting, data=FORBIDDEN))

    async def request(self, subject: str, data: bytes, timeout_s: float = REQUEST_TIMEOUT_S) -> Msg:
        """Ask and wait for one answer; BusUnavailable when none comes or nobody listens."""
        if not self._client.is_connected:
            raise BusUnavailable(f"{subject}: not connected")
        try:
            return await self._client.request(subject, data, timeout=timeout_s)
        except (TimeoutError, nats.errors.Error) as error:
            raise BusUnavailable(f"{subject}: {type(error).__name__}") from None

    async def request_many(
        self, subject: str, data: bytes, is_last: Callable[[Msg], bool], timeout_s: float = REQUEST_TIMEOUT_S
    ) -> list[Msg]:
        """Ask once and return the answers up to the last one.

        BusUnavailable when nobody listens, when this user may not ask, and when the next answer does not come in time.
        """
        answers, arrived = list[Msg](), asyncio.Queue[Msg]()
        number = self._expect(subject, arrived.put_nowait)
        try:
            if not await self.publish_for_ack(subject, data, {}, number):
                raise BusUnavailable(f"{subject}: not connected")
            while not answers or not is_last(answers[-1]):
                async with asyncio.timeout(timeout_s):
                    answers.append(await arrived.get())
                if _nobody_listens(answers[-1]):
                    raise BusUnavailable(f"{subject}: nobody listens")
                if answers[-1].data is FORBIDDEN:
                    raise BusUnavailable(f"{subject}: this user may not publish here")
        except TimeoutError as error:
            raise BusUnavailable(f"{subject}: {type(error).__name__}") from None
        finally:
            self.forget_ack(number)
        return answers

    async def subscribe(self, subject: str, callback: Callback, queue: str = "") -> Subscription:
        """Subscribe; kept through breaks. BusUnavailable when the connection is closed for good."""
        try:
            return await self._client.subscribe(subject, queue=queue, cb=callback)
        except nats.errors.Error as error:
            raise BusUnavailable(f"{subject}: {type(error).__name__}") from None

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription and its callback, even in the middle of a message; nothing to do on a closed one."""
        with contextlib.suppress(nats.errors.Error):
            await subscription.unsubscribe()

    async def close(self) -> None:
        """Send what is pending and close."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._client.drain(), 3)
        if not self._client.is_closed:
            await self._client.close()

    async def _disconnected(self) -> None:
        # What was written in the moment of the break would be sent when the broker is back: values of the past that
        # look like fresh ones. Subscriptions the client makes anew by itself, acked publishes are repeated by us.
        self._client._pending.clear()
        self._client._pending_data_size = 0
        for callback in self._on_disconnect:
            await callback()

    async def _reconnected(self) -> None:
        self.features = features_in(self.server_version)
        for callback in self._on_reconnect:
            await callback()

    async def _closed(self) -> None:
        self.closed.set()

    async def _error(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            self.dropped += 1
        if "authorization violation" in str(error).lower():
            # The client itself would try the same password forever.
            self._refused.set()
        forbidden = _FORBIDDEN.search(str(error).lower())
        if forbidden is not None:
            self._tell_forbidden(forbidden[1])
        self._note_objection(str(error))

    def _note_objection(self, text: str) -> None:
        # A broker that cannot be reached is the same news four times a second.
        now_s = time.monotonic()
        if text != self._objection or now_s - self._objected_s >= SAME_OBJECTION_S:
            self._objection, self._objected_s = text, now_s
            log.error("the broker or the client objects", service=self.service, why=text)


def _nobody_listens(answer: Msg) -> bool:
    # A stored message may have a header of that name from its publisher, but then the broker gives its sequence too.
    headers = answer.headers or {}
    return headers.get("Status") == NOBODY_LISTENS and "Nats-Sequence" not in headers


def ack_headers(event: Event, expected_last_sequence: int | None, features: Features) -> dict[str, str]:
    """Return the headers of an acked publish: its message id, where given its condition, and how long it is kept."""
    headers = {"Nats-Msg-Id": event.message_id()}
    if features.message_ttl and (kept_s := event.kept_s()):
        headers["Nats-TTL"] = f"{kept_s}s"
    if expected_last_sequence is not None:
        headers["Nats-Expected-Last-Subject-Sequence"] = str(expected_last_sequence)
    return headers


def sequence_of(subject: str, answer: Msg) -> int:
    """Return the sequence in a publish ack; PublishRefused with the server's words, ValueError for what is neither."""
    ack = _ACKS.decode(answer.data)
    if ack.error is not None:
        raise PublishRefused(subject, ack.error.err_code, ack.error.description)
    if ack.seq is None:
        raise ValueError(f"{subject}: acknowledged without a sequence")
    return ack.seq
