"""Say why a quote or an order is there, or is not: asked of the gateway, else of the quoter itself, put into words."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from toolkit.operating.gateway_client import NoAnswerError, PlatformClient, RefusedError
from toolkit.ports import Ports

ORDER_DIGITS_MAX = 19
PASSES_SHOWN = 5
SHOWN_CHARS_MAX = 80
"""Of what was asked for, in a refusal."""


class _Lots(NamedTuple):
    """What one lot is: shares are told as they are counted, coins in units of the coin."""

    size: float
    base: str

    def __call__(self, count: float) -> str:
        return f"{self.number(count)} {self.base}".rstrip()

    def number(self, count: float) -> str:
        return _digits(count * self.size if self.base else count)


def _lots_of(told: dict[str, Any]) -> _Lots:
    """Return what the lots of an account of a pass, or of an order, are; an earlier quoter does not say."""
    return _Lots(told.get("lot", 1.0), told.get("base", ""))


def explain(what: str, ports: Ports, client: PlatformClient) -> list[dict[str, Any]]:
    """Return what the quoters say of an order id, a market, or (an empty text) everything they remember.

    NoAnswerError says that nobody knows it or could be asked.
    """
    name = "order" if what.isdecimal() and len(what) <= ORDER_DIGITS_MAX else "market"
    query = f"?{urlencode({name: what})}" if what else ""
    url = f"http://127.0.0.1:{ports.gateway}"
    try:
        told = client.get(f"{url}/api/explain{query}", client.login(url))
        return list(told["explanations"])
    except RefusedError as error:
        # An answer, not silence: the quoter would say the same.
        raise NoAnswerError(f"{name} {what[:SHOWN_CHARS_MAX]!r}: {error}") from error
    except NoAnswerError as error:
        try:
            told = client.get(f"http://127.0.0.1:{ports.quoter_admin}/explain{query}", client.admin_token())
            return list(told["explanations"])
        except NoAnswerError as second:
            raise NoAnswerError(f"{error}; {second}") from second


def lines(explanation: dict[str, Any]) -> Iterator[str]:
    """Yield an explanation as text, line by line."""
    if "markets" in explanation:
        for row in explanation["markets"]:
            yield f"{row['market']}  bot {row['algo_id']}  {row['state']}  {row['reason']}".rstrip()
        if not explanation["markets"]:
            yield "nothing is on record yet"
        return
    if "bots" in explanation:
        for bot in explanation["bots"]:
            yield f"{explanation['market']}, bot {bot['algo_id']}, account {explanation['account']}"
            if bot["now"]:
                yield "now:"
                yield from _pass(bot["now"])
                lots = _lots_of(bot["now"])
                yield from (f"    {_order(order, lots)}: {_life(order, lots)}" for order in bot["now"]["orders"])
            yield from _passes(bot["passes"])
        return
    yield f"order {explanation['order_id']}, bot {explanation['algo_id']}, account {explanation['account']}"
    if "order" in explanation:
        order, lots = explanation["order"], _lots_of(explanation)
        yield f"  {explanation['market']}: {_order(order, lots)}: {_life(order, lots)}"
    yield from _passes(explanation["passes"])


def _passes(passes: list[dict[str, Any]]) -> Iterator[str]:
    for each in passes[:PASSES_SHOWN]:
        yield f"{each['ago_ms'] / 1_000:.3f} s ago:"
        yield from _pass(each)
    if len(passes) > PASSES_SHOWN:
        yield f"(and {len(passes) - PASSES_SHOWN} more; --json shows them)"


def _pass(told: dict[str, Any]) -> Iterator[str]:
    why = f": {told['reason']}" if told["reason"] else ""
    wait = f", new orders wait: {told['waiting_for']}" if told["waiting_for"] else ""
    # What has no end has none left, and a kind of bot without phases names none.
    phase = f"; phase {told['phase']}" if "phase" in told else ""
    left = f", {told['seconds_left']:.1f} s left" if told["seconds_left"] is not None else ""
    yield f"  {told['state']}{why}{wait}{phase}{left}"
    lots = _lots_of(told)
    yield f"  inputs: {_inputs(told['inputs'], lots)}"
    if "quotes" in told:
        yield from _steps(told)
    elif told["parts"]:
        parts = ", ".join(f"{name} {value:.4f}" for name, value in told["parts"].items() if value)
        yield f"  made of: {parts}, skew {told['skew']:.4f}"
    signals = ", ".join(f"{name} {_figure(value)}" for name, value in told.get("signals", {}).items() if value)
    if signals:
        yield f"  signals: {signals}"
    if told["bids"] or told["asks"]:
        yield f"  bids {_ladder(told['bids'], lots)}  asks {_ladder(told['asks'], lots)}"
    for order in told["placed"]:
        yield f"    placed {order['order_id']}: {_order(order, lots)}, passed {len(order['passed'])} checks"
    if told["cancelled"]:
        yield f"    cancelled {', '.join(told['cancelled'])}"
    for order in told["refused"]:
        yield f"    refused {order['order_id']}: {_order(order, lots)}, {order['check']}: {order['detail']}"


def _steps(told: dict[str, Any]) -> Iterator[str]:
    """Yield each quote of a spot bot as the sum that its price is, and what holds its prices back."""
    fx = told.get("fx")
    if fx:
        inverse = ", inverse" if fx["inverse"] else ""
        yield f"  converted by {fx['symbol']} {_digits(fx['bid'])} / {_digits(fx['ask'])}{inverse}"
    for quote in told["quotes"]:
        size = f"{quote['side']} {_digits(quote['size'])} {told.get('base', '')}".rstrip()
        if quote["price"] is None:
            yield f"    {size}: no price: {quote['reason']}"
            continue
        source = f"source {_digits(quote['in_source'])}, " if fx else ""
        steps = [f" {name} {_moved(quote[name])}" for name in _STEPS if quote[name]]
        price = f"base {_digits(quote['base'])}{''.join(steps)} = {_digits(quote['price'])}"
        yield f"    {size}: {source}{price}, {_digits(quote['shown'])} shown there"
    for name, why in (("bounds", "configured"), ("gives_way", "gives way to a hedge")):
        for bound, price in (told.get(name) or {}).items():
            if price is not None:
                yield f"  {bound} {_digits(price)}, {why}"


_STEPS = ("spread", "factor", "margin", "rounding")


def _inputs(inputs: dict[str, Any], lots: _Lots) -> str:
    book, fees = inputs.get("book"), inputs.get("fees")
    found = [_price(inputs)]
    if book is not None:
        found.append(f"book {book['bid']} / {book['ask']} ({book['age_ms']} ms)")
    found.append(f"limits of revision {inputs['limits']['revision']} ({inputs['limits']['age_ms']} ms)")
    found.append(f"feed ({inputs['feed']['age_ms']} ms)")
    found.append(_position(inputs["position"], lots))
    if inputs["free_cash"] is not None:
        found.append(f"free cash {inputs['free_cash']:.2f}")
    if fees is not None:
        found.append(f"fees {fees['maker']} maker {fees['taker']} taker, in what is {_FEE_IN[fees['in']]}")
    return ", ".join(found)


_FEE_IN = {"price": "paid", "base": "bought and sold", "received": "received"}


def _price(inputs: dict[str, Any]) -> str:
    fair, source = inputs.get("fair_value"), inputs.get("source_price")
    if source is not None:
        return f"source {source['bid']:.8g} / {source['ask']:.8g} ({source['age_ms']} ms old)"
    return "no price" if fair is None else f"fair {fair['fair']:.4f} ({fair['age_ms']} ms old)"


def _position(held: dict[str, Any], lots: _Lots) -> str:
    if "yes" in held:
        return f"position {held['yes']} YES {held['no']} NO"
    return f"position {lots(held['net'])}"


def _figure(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _order(order: dict[str, Any], lots: _Lots) -> str:
    takes = ", immediate or cancel" if order.get("takes") else ""
    if order["outcome"] in _OUTCOMES:
        return f"{order['side']} {order['size']} {order['outcome']} at {order['price']}{takes}"
    return f"{order['side']} {lots(order['size'])} at {_digits(order['price'])}{takes}"


def _life(order: dict[str, Any], lots: _Lots) -> str:
    filled = f", {lots(order['filled'])} filled" if order["filled"] else ""
    reason = f" ({order['reason']})" if order["reason"] else ""
    age = f", sent {order['age_ms'] / 1_000:.3f} s ago" if order["age_ms"] is not None else ""
    return f"{order['state']}{reason}{filled}{age}"


_OUTCOMES = ("yes", "no")


def _ladder(levels: list[list[float]], lots: _Lots) -> str:
    return " ".join(f"{lots.number(size)}@{_digits(price)}" for price, size in levels) or "none"


def _moved(value: float) -> str:
    return f"{Decimal(f'{value:.8g}'):+f}"


def _digits(value: float) -> str:
    """Return a number as people write it: twelve digits at most, without an exponent."""
    return f"{Decimal(f'{value:.12g}'):f}"
