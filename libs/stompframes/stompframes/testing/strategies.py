"""Frames at random, as each version can write them, and streams cut anywhere."""

from __future__ import annotations

from hypothesis import strategies as st

from stompframes.frames import COMMANDS, NEVER_ESCAPED, WITH_BODY, Frame, Version

COUNTED = ("content-length", "receipt")
"""Names that say something of the frame itself."""


def texts(version: Version, *, escaped: bool, in_name: bool) -> st.SearchStrategy[str]:
    """Return what a version can write in a header."""
    never = "\0" if escaped and version is Version.V1_2 else "\0\r"
    if not escaped or version is Version.V1_0:
        never += "\n:" if in_name else "\n"
    letters = st.characters(codec="utf-8", exclude_characters=never)
    found = st.one_of(st.text(letters, max_size=12), st.text(st.sampled_from(sorted(set("\\:nc\n\rr ä") - set(never)))))
    if version is Version.V1_0:
        found = found.map(lambda text: text.strip(" "))
    return found.filter(lambda text: bool(text) and text not in COUNTED) if in_name else found


@st.composite
def frames(draw: st.DrawFn, version: Version) -> Frame:
    """Return a frame that a version can write, its content-length stated where it has a body."""
    command = draw(st.sampled_from(sorted(WITH_BODY)) | st.sampled_from(sorted(COMMANDS)))
    escaped = command not in NEVER_ESCAPED
    pair = st.tuples(texts(version, escaped=escaped, in_name=True), texts(version, escaped=escaped, in_name=False))
    headers = draw(st.lists(pair, max_size=5))
    body = draw(st.binary(max_size=40)) if command in WITH_BODY else b""
    if body:
        headers.append(("content-length", str(len(body))))
    return Frame(command, tuple(headers), body)


def chunks(stream: bytes) -> st.SearchStrategy[list[bytes]]:
    """Return ways to cut a stream into pieces."""
    places = st.lists(st.integers(0, len(stream)), max_size=12).map(sorted)
    return places.map(lambda cuts: [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)])
