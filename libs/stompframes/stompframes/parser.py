"""Bytes to frames: incremental, with a limit on everything that a peer could make long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from stompframes.errors import ProtocolError, shown
from stompframes.frames import COMMANDS, NEVER_ESCAPED, WITH_BODY, Frame, Headers, Version, escape, unescape

BETWEEN_FRAMES = re.compile(rb"(?:\r?\n)*")
ONLY_LINE_ENDS = re.compile(rb"[\r\n]*")
LENGTH_DIGITS_MAX = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one frame may be."""

    headers: int = 64
    line_bytes: int = 8 * 1024
    frame_bytes: int = 64 * 1024
    """Head and body, without the NUL."""


class _Head(NamedTuple):
    """The head of a frame whose body may not be here yet."""

    command: str
    headers: Headers
    length: int | None
    """Of the body, where it is stated."""
    body: int
    """Where the body begins."""


class Parser:
    """What a peer has sent, as frames. Once it has raised an error there is no way to go on, and it raises it again.

    `version` and `limits` may be changed between two frames, as a login does.
    """

    def __init__(self, version: Version = Version.V1_0, limits: Limits = Limits()) -> None:
        self.version = version
        self.limits = limits
        self._buffer = bytearray()
        self._begin = 0
        """Where the frame that is being read begins."""
        self._searched = 0
        """Up to here nothing has been found that ends the head, or the body."""
        self._line = 0
        """Where the last line of an unfinished head begins."""
        self._lines = 0
        """How many lines of it came before."""
        self._head: _Head | None = None
        self._broken: ProtocolError | None = None

    @property
    def waiting_bytes(self) -> int:
        """Return how many bytes are here of which no frame has been made."""
        return len(self._buffer) - self._begin

    def feed(self, chunk: bytes | str) -> None:
        """Take what has arrived, wherever it was cut."""
        if self._broken is not None:
            return
        # A text with half a character is refused where it is decoded, with all others that are no UTF-8.
        self._buffer += chunk.encode("utf-8", "surrogatepass") if isinstance(chunk, str) else chunk

    def next_frame(self) -> Frame | None:
        """Return the next whole frame, None until more has arrived.

        Raises ProtocolError where what is here is no frame, or one beyond the limits.
        """
        if self._broken is not None:
            raise self._broken
        if self._begin == len(self._buffer):
            self._let_go()
            return None
        try:
            head = self._head or self._whole_head()
            frame = None if head is None else self._whole_frame(head)
        except ProtocolError as error:
            error.receipt = self._receipt()
            self._broken = error
            self._buffer.clear()
            self._begin = 0
            raise
        if frame is None:
            self._let_go()
        return frame

    def _whole_head(self) -> _Head | None:
        """Return the head at the beginning, None while its empty line has not arrived."""
        buffer = self._buffer
        begin = self._begin
        if buffer[begin] in b"\r\n":
            between = BETWEEN_FRAMES.match(buffer, begin)
            assert between is not None, "it matches nothing at all, too"
            begin = self._begin = between.end()
        searched = self._searched if self._searched > begin else begin
        nul = buffer.find(b"\0", searched)
        # What lies behind the frame is not looked at: it may be long, and is asked for again.
        until = len(buffer) if nul < 0 else nul
        # The two ends that are looked for may have begun in what was searched.
        start = searched - 2 if searched - 2 > begin else begin
        end = buffer.find(b"\n\n", start, until)
        with_return = buffer.find(b"\n\r\n", start, until if end < 0 else end + 1)
        if with_return >= 0:
            end, body = with_return, with_return + 3
        elif end >= 0:
            body = end + 2
        elif nul >= 0:
            raise ProtocolError("frame without an end of its headers", "an empty line must follow the headers")
        else:
            self._check_unfinished()
            self._searched = len(buffer)
            return None
        self._searched = body
        self._head = self._read_head(end, body)
        return self._head

    def _whole_frame(self, head: _Head) -> Frame | None:
        """Return the frame whose head is known, None while its NUL has not arrived."""
        buffer, most = self._buffer, self._begin + self.limits.frame_bytes
        if head.length is None:
            end = buffer.find(b"\0", self._searched)
            so_far = len(buffer) if end < 0 else end
            if so_far > self._searched and head.command not in WITH_BODY:
                blank = ONLY_LINE_ENDS.match(buffer, self._searched, so_far)
                if blank is None or blank.end() < so_far:
                    raise ProtocolError("body not allowed", f"{head.command} must have no body")
            if so_far > most:
                raise self._too_long()
            if end < 0:
                self._searched = len(buffer)
                return None
        else:
            end = head.body + head.length
            if end > most:
                raise self._too_long()
            if end >= len(buffer):
                return None
            if buffer[end]:
                raise ProtocolError("body without its NUL", f"a NUL must follow {head.length} bytes of body")
        body = bytes(buffer[head.body : end]) if head.command in WITH_BODY else b""
        self._begin = self._searched = self._line = end + 1
        self._lines = 0
        self._head = None
        return Frame(head.command, head.headers, body)

    def _read_head(self, end: int, body: int) -> _Head:
        """Return the head that ends here, its limits checked and its escapes undone."""
        limits = self.limits
        if end - self._begin > limits.frame_bytes:
            raise self._too_long()
        try:
            text = self._buffer[self._begin : end].decode()
        except UnicodeDecodeError:
            raise ProtocolError("headers not in UTF-8", "command and headers must be UTF-8") from None
        if "\r" in text:
            text = text.replace("\r\n", "\n").removesuffix("\r")
            if "\r" in text:
                raise ProtocolError("carriage return in a header", "it may only stand before the end of a line")
        lines = text.split("\n")
        command = lines[0]
        if command not in COMMANDS:
            raise ProtocolError("unknown command", f"{shown(command)} is no command of STOMP")
        if len(lines) - 1 > limits.headers:
            raise self._too_many_headers()
        if len(text) > limits.line_bytes // 4 and max(len(line.encode()) for line in lines) > limits.line_bytes:
            raise self._line_too_long()
        headers = self._read_headers(command, lines)
        length = stated_length(command, headers) if "content-length" in text else None
        return _Head(command, headers, length, body)

    def _read_headers(self, command: str, lines: list[str]) -> Headers:
        version, plain = self.version, command in NEVER_ESCAPED
        trimmed = not plain and version is Version.V1_0
        escaped = not plain and version is not Version.V1_0
        pairs = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if escaped and "\\" in line:
                name, value = unescape(name, version), unescape(value, version)
            elif trimmed:
                name, value = name.strip(" "), value.strip(" ")
            if not colon or not name:
                raise ProtocolError("header without a name", f"{shown(line)} must be NAME:VALUE")
            pairs.append((name, value))
        return tuple(pairs)

    def _check_unfinished(self) -> None:
        """Raise where what is here of a head is beyond a limit already, so that it never grows further."""
        buffer, limits = self._buffer, self.limits
        line = max(self._line, self._begin)
        while (ends := buffer.find(b"\n", line)) >= 0:
            self._check_line(ends - line)
            line = ends + 1
            self._lines += 1
            if self._lines > limits.headers + 1:
                raise self._too_many_headers()
        self._line = line
        self._check_line(len(buffer) - line)
        if len(buffer) - self._begin > limits.frame_bytes:
            raise self._too_long()

    def _check_line(self, length: int) -> None:
        # The last byte may be a carriage return, which does not count.
        if length > self.limits.line_bytes + 1:
            raise self._line_too_long()

    def _too_long(self) -> ProtocolError:
        return ProtocolError("frame too long", f"a frame must have at most {self.limits.frame_bytes} bytes")

    def _line_too_long(self) -> ProtocolError:
        return ProtocolError("line too long", f"a header must have at most {self.limits.line_bytes} bytes")

    def _too_many_headers(self) -> ProtocolError:
        return ProtocolError("too many headers", f"a frame must have at most {self.limits.headers} headers")

    def _receipt(self) -> str | None:
        """Return the receipt that the frame which is being read asks for, as far as that can be said."""
        seen = self._buffer[self._begin : self._begin + self.limits.frame_bytes].partition(b"\0")[0]
        # The last line may not be whole.
        for line in seen.split(b"\n")[:-1]:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            if not name:
                return None
            if name == b"receipt":
                try:
                    said = value.decode()
                    receipt = said.strip(" ") if self.version is Version.V1_0 else unescape(said, self.version)
                    escape(receipt, self.version)
                except (ValueError, ProtocolError):
                    return None
                return receipt
        return None

    def _let_go(self) -> None:
        """Drop what frames were made of."""
        gone = self._begin
        if gone == len(self._buffer):
            self._buffer.clear()
            self._begin = self._searched = self._line = 0
        elif gone:
            del self._buffer[:gone]
            self._begin = 0
            self._searched = max(0, self._searched - gone)
            self._line = max(0, self._line - gone)
            if self._head is not None:
                self._head = self._head._replace(body=self._head.body - gone)


def stated_length(command: str, headers: Headers) -> int | None:
    """Return the length of the body that a frame states, None for none; the first of several counts."""
    for name, value in headers:
        if name == "content-length":
            if not (value.isascii() and value.isdigit() and len(value) <= LENGTH_DIGITS_MAX):
                raise ProtocolError("content-length not a length", f"{shown(value)} must be a number of bytes")
            length = int(value)
            if command in WITH_BODY:
                return length
            if length:
                raise ProtocolError("body not allowed", f"{command} must have no body")
    return None
