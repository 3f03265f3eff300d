"""Every path of the venue, with the scopes it needs and what it says in the API listing."""

from __future__ import annotations

from typing import Final

from exchange.market.refusals import Refusal
from exchange.rest import administration, public, resources, spot, transfers
from exchange.rest.request import Route

READ, TRADE, CANCEL, TRANSFER, ADMIN = ("read",), ("trade",), ("trade", "cancel"), ("transfer",), ("admin",)

ROUTES: Final = (
    Route("POST", "/auth/login", public.log_in, (), "Turn an API key into a token"),
    Route("GET", "/time", public.venue_time, (), "The venue's clock"),
    Route("GET", "/info", public.venue_info, (), "What drives prices, fees and limits"),
    Route("GET", "/markets", public.list_markets, (), "Markets, by status and asset"),
    Route("GET", "/markets/{market}", public.one_market, (), "One market"),
    Route("GET", "/markets/{market}/orderbook", public.order_book, (), "The book in YES terms"),
    Route("GET", "/markets/{market}/trades", public.newest_trades, (), "The newest trades"),
    Route("GET", "/symbols", spot.list_symbols, (), "Spot symbols and their terms"),
    Route("GET", "/symbols/{symbol}", spot.one_symbol, (), "One spot symbol"),
    Route("GET", "/symbols/{symbol}/orderbook", spot.order_book, (), "The book of a spot symbol"),
    Route("GET", "/symbols/{symbol}/trades", spot.newest_trades, (), "The newest trades of a spot symbol"),
    Route("POST", "/orders", resources.place, TRADE, "Place one order or a batch"),
    Route("GET", "/orders", resources.list_orders, ("read", "cancel"), "Orders by status", "reads"),
    Route("DELETE", "/orders", resources.cancel_all, CANCEL, "Cancel all that match"),
    Route(
        "GET",
        "/orders/by-client-id/{client_order_id}",
        resources.order_by_client_id,
        ("read", "cancel"),
        "What became of an order",
        "reads",
    ),
    Route("DELETE", "/orders/by-client-id/{client_order_id}", resources.cancel, CANCEL, "Cancel by the client's id"),
    Route("PATCH", "/orders/by-client-id/{client_order_id}", spot.amend, TRADE, "Amend by the client's id"),
    Route("GET", "/orders/{order_id}", resources.one_order, ("read", "cancel"), "One order", "reads"),
    Route("DELETE", "/orders/{order_id}", resources.cancel, CANCEL, "Cancel one order"),
    Route("PATCH", "/orders/{order_id}", spot.amend, TRADE, "Amend one spot order"),
    Route("GET", "/fills", resources.list_fills, READ, "Fills after an account sequence", "reads"),
    Route("GET", "/statement", resources.statement, READ, "Every movement of cash and shares", "reads"),
    Route("GET", "/balance", resources.balance, READ, "Cash, locked and available", "reads"),
    Route("GET", "/balances", spot.balances, READ, "Balances by currency", "reads"),
    Route("GET", "/positions", resources.list_positions, READ, "Shares held", "reads"),
    Route("POST", "/positions/split", resources.split, TRADE, "Pay 1 per pair of one YES and one NO"),
    Route("POST", "/positions/merge", resources.merge, TRADE, "Receive 1 per pair"),
    Route("POST", "/transfers", transfers.send, TRANSFER, "Send money to an account at another venue"),
    Route("GET", "/transfers", transfers.list_sent, READ, "Transfers sent after an account sequence", "reads"),
    Route("GET", "/transfers/{transfer_id}", transfers.one, READ, "One transfer", "reads"),
    Route("POST", "/admin/faults", administration.add_fault, ADMIN, "Inject a fault"),
    Route("GET", "/admin/faults", administration.list_faults, ADMIN, "Faults in force"),
    Route("DELETE", "/admin/faults", administration.remove_faults, ADMIN, "End all faults"),
    Route("DELETE", "/admin/faults/{fault_id}", administration.remove_faults, ADMIN, "End one fault"),
    Route("GET", "/admin/takers", administration.show_takers, ADMIN, "How the simulated takers behave"),
    Route("PUT", "/admin/takers", administration.set_takers, ADMIN, "Change the simulated takers"),
    Route("POST", "/admin/accounts/{account}/deposit", administration.deposit, ADMIN, "Deposit cash into an account"),
    Route("POST", "/admin/markets/{market}/void", administration.void, ADMIN, "End a market without a winner"),
    Route("POST", "/admin/prices", administration.set_price, ADMIN, "Set an underlying's price"),
)
_COMPILED: Final = [(route, route.pattern()) for route in ROUTES]


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route of a request and the names in its path."""
    on_path = False
    for route, pattern in _COMPILED:
        if (match := pattern.match(path)) is None:
            continue
        on_path = True
        if route.method == method:
            return route, {name: value for name, value in match.groupdict().items() if value is not None}
    if on_path:
        raise Refusal("method_not_allowed", f"{method[:16]} is not possible here")
    raise Refusal("unknown_path", "no such path")
