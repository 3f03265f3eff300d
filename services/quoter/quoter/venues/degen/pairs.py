"""Pairs merged into cash or split from it at the Degen Terminal: one request, and then the statement says what became.

The venue knows no id of ours for a conversion, so a request is never repeated on a guess. What counts is the entry in
the account's statement, which comes with the private stream or is fetched; the answer only says when to look.
"""

from __future__ import annotations

import msgspec
from common.errors import ContractError

from quoter.venues.base import ConversionEnded
from quoter.venues.conversation import Pause, Reply, Request, Script
from quoter.venues.degen.frames import ErrorDocument, Merged, parse_document
from quoter.venues.degen.rest import DegenRest
from quoter.venues.degen.stream import AccountStream

STREAM_WAITS_MAX = 20
STREAM_WAIT_MS = 25.0
ASKS_MAX = 5
ASK_PAUSE_MS = 500.0
"""A request without an answer is asked about for as long as the venue could still be working on it."""


def converting(rest: DegenRest, stream: AccountStream, symbol: str, pairs: int) -> Script[None]:
    """Merge pairs of a market (below 0) or split them (above), once; ends in one ConversionEnded."""
    before = stream.known
    body = msgspec.json.encode({"market": symbol, "size": abs(pairs)})
    reply: Reply = yield Request("POST", "/positions/merge" if pairs < 0 else "/positions/split", body)
    if reply.status == 200:
        yield from _until_told(rest, stream, reply, before)
        yield ConversionEnded(symbol, pairs, "")
    elif 400 <= reply.status < 500:
        if reply.status == 401:
            rest.forget_token()
            yield from rest.login()
        yield ConversionEnded(symbol, pairs, _code(reply))
    else:
        yield from _asked_for(rest, symbol, pairs, before)


def _until_told(rest: DegenRest, stream: AccountStream, reply: Reply, before: int) -> Script[None]:
    """Wait for the private stream to carry the entry, and fetch it when it does not."""
    try:
        sequence = parse_document(Merged, reply.body).account_sequence
    except ContractError:
        sequence = None
    for _ in range(STREAM_WAITS_MAX):
        if sequence is not None and stream.settled and stream.sequence >= sequence:
            return
        yield Pause(STREAM_WAIT_MS)
    yield from (yield from rest.conversions(before)).rows


def _asked_for(rest: DegenRest, symbol: str, pairs: int, before: int) -> Script[None]:
    """Nobody knows whether it was done: read the statement until it says so, or has had time enough to."""
    for _ in range(ASKS_MAX):
        yield Pause(ASK_PAUSE_MS)
        found = (yield from rest.conversions(before)).rows
        yield from found
        if any((each.symbol, each.pairs) == (symbol, pairs) for each in found):
            yield ConversionEnded(symbol, pairs, "")
            return
    yield ConversionEnded(symbol, pairs, "no answer, and the statement does not show it", doubtful=True)


def _code(reply: Reply) -> str:
    try:
        return parse_document(ErrorDocument, reply.body).error.code
    except ContractError:
        return f"status {reply.status}"
