"""One message for many subscribers: what they share is encoded once, and each one's own headers are put in as bytes."""

from __future__ import annotations

from stompframes.frames import Version, escape

JSON = "application/json;charset=UTF-8"


class SharedMessage:
    """A MESSAGE of one destination before it is anybody's.

    The order of the headers is that of the source's examples: status, destination, content-type, then the subscriber's
    own, then content-length. Readers are known that find a subscription's id between `subscription:` and `message-id:`,
    so nothing may come between these two.
    """

    __slots__ = ("_ends", "body", "content_type", "destination", "status")

    def __init__(
        self, destination: str, body: bytes, status: int | None = 200, content_type: str | None = JSON
    ) -> None:
        self.destination = destination
        self.body = body
        self.status = status
        """As of HTTP: 200, or 4xx and 5xx for a request that could not be met; None leaves the header out."""
        self.content_type = content_type
        self._ends: dict[Version, tuple[bytes, bytes]] = {}

    def ends(self, version: Version) -> tuple[bytes, bytes]:
        """Return what comes before and behind a subscriber's own headers, each encoded once per version."""
        made = self._ends.get(version)
        if made is None:
            made = self._ends[version] = self._encode(version)
        return made

    def for_subscriber(self, own: bytes, version: Version) -> bytes:
        """Return the whole frame for one subscriber, given the lines of its own headers."""
        before, behind = self._ends.get(version) or self.ends(version)
        return b"".join((before, own, behind))

    def _encode(self, version: Version) -> tuple[bytes, bytes]:
        lines = ["MESSAGE\n"]
        if self.status is not None:
            lines.append(f"status:{self.status}\n")
        lines.append(f"destination:{escape(self.destination, version)}\n")
        if self.content_type is not None:
            lines.append(f"content-type:{escape(self.content_type, version)}\n")
        return "".join(lines).encode(), b"content-length:%d\n\n%b\0" % (len(self.body), self.body)


def own_headers_until_number(subscription: str | None, session: str, version: Version) -> bytes:
    """Return a subscriber's own headers up to the number within `message-id`, which begins with its session's name.

    Without a subscription's id, which 1.0 leaves to the client, there is no `subscription`.
    """
    named = "" if subscription is None else f"subscription:{escape(subscription, version)}\n"
    return f"{named}message-id:{escape(session, version)}-".encode()
