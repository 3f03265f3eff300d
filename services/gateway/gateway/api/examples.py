"""What answers look like, for the API pages; a test compares their members with real answers."""

from __future__ import annotations

from typing import Any

BOT_CHANGE: dict[str, Any] = {
    "kind": "binary",
    "running": True,
    "sections": {
        "instrument": {
            "venue": "degen",
            "account": "mm1",
            "series": ["BTC-5M"],
            "sources": {"BTC": [{"venue": "binance", "symbol": "BTCUSDT"}]},
        },
        "quoting": {"spread": 0.04, "size": 100, "levels": 3, "spacing": 0.01},
        "inventory": {"max_position": 1000, "skew_factor": 0.02},
        "risk_limits": {"max_markets": 10, "max_daily_loss": "1000", "min_spread": 0.02},
    },
    "revision": 1,
    "reason": "wider before the announcement",
}
BOT_FIELDS_CHANGE: dict[str, Any] = {
    "sections": {"quoting": {"spread": 0.06}},
    "revision": 1,
    "reason": "wider before the announcement",
}
DOCUMENT_CHANGE: dict[str, Any] = {
    "document": {"currency": "ADA", "exchange_algo_id": "BINANCE"},
    "revision": 1,
    "reason": "the others are watched by their own documents",
}
_COMMAND_ID = "6f9c2b5d8e1a4c7fb0d3e6a9c2f58b1e"
_AGE = {"age_ms": 120, "stale": False}
_PNL = {"realized": 12.5, "unrealized": 1.2, "total": 13.7, "daily": 13.7, "fees": -0.8, "unrated": [], **_AGE}
_BOT = {
    "algo_id": "1",
    "kind": "binary",
    "state": "quoting",
    "running": True,
    "configured_running": True,
    "revision": 2,
    "venue": "degen",
    "account": "mm1",
    "series": ["BTC-5M"],
    "max_position": 1000,
    "halts": [],
    "markets": 1,
    "pnl": _PNL,
    "sections": BOT_CHANGE["sections"],
    "changed": ["quoting"],
    "changed_by": "tess",
    "reason": "wider before the announcement",
    "changed_ns": 1795222805000000000,
}
_CHANGED = {
    "revision": 2,
    "changed": ["quoting"],
    "fields": {"quoting.spread": [0.04, 0.06]},
    "changed_by": "tess",
    "reason": "wider before the announcement",
    "changed_ns": 1795222805000000000,
}
_DOCUMENT = {
    "type": "risk_currency",
    "id": "3",
    "revision": 2,
    "document": DOCUMENT_CHANGE["document"],
    "changed": ["exchange_algo_id"],
    "changed_by": "rita",
    "reason": "the others are watched by their own documents",
    "changed_ns": 1795222805000000000,
}
_HALT = {
    "scope": "bot-1",
    "reason": "manual",
    "actor": "tess",
    "detail": "prices look odd",
    "since_ns": 1795222805000000000,
    "keep_resting": False,
    "accounts": [{"account": "mm1", "said": "24 cancelled, 0 of 24 left, confirmed by the venue at 14:02:03 UTC"}],
}
_EMPTIED = {
    "accounts": [
        {
            "what": "bot-1:manual",
            "account": "mm1",
            "cancelled": 24,
            "left": 0,
            "of": 24,
            "confirmed_at_ns": 1795222805000000000,
            "why": "",
            "confirmed": True,
            "said": "bot-1:manual, account mm1: 24 cancelled, 0 of 24 left, confirmed by the venue at 14:02:03 UTC",
            "by": "quoter",
        }
    ],
    "services": [{"service": "quoter", "outcome": "done", "detail": "bot-1:manual, account mm1: 24 cancelled, …"}],
}
_ADJUSTMENT = {
    "adjustment_id": "5f0c9e6a1b7d",
    "state": "proposed",
    "said": "mm1: -12.50 USD, the account's books (a fee the venue took)",
    "account": "mm1",
    "algo_id": "unassigned",
    "venue": "degen",
    "currency": "USD",
    "cash": "-12.50",
    "symbol": "",
    "yes_lots": 0,
    "no_lots": 0,
    "lots": 0,
    "reason": "a fee the venue took",
    "proposed_by": "tess",
    "proposed_ns": 1795222805000000000,
    "decided_by": "",
    "decided_ns": 0,
}
_TRANSFER = {
    "account": "mm1-kraken",
    "client_transfer_id": "1795222805000000000",
    "state": "under_way",
    "venue": "kraken_spot",
    "to_account": "mm1-dltxmm",
    "to_venue": "dltxmm_spot",
    "currency": "BTC",
    "amount": "0.50000000",
    "actor": "tess",
    "reason": "DLTXMM runs out of bitcoin",
    "asked_ns": 1795222805000000000,
    "transfer_id": "KRAKEN-DLTXMM-1",
    "due_ns": 1795222865000000000,
    "refused": "",
    "changed_ns": 1795222805200000000,
}
_SERVICES = {
    "feed": {"state": "ready", "faults": [], "age_ms": 800},
    "quoter": {"state": "unready", "faults": ["fair value of BTC-5M-1795223100 is stale"], "age_ms": 810},
    "gateway": {"state": "ready", "faults": [], "age_ms": 0},
}
_VENUE = {
    "venue": "binance",
    "connected": True,
    "silent_ms": 40,
    "clock_offset_ms": -3.1,
    "clock_known": True,
    "stale_symbols": [],
    "reconnects": 0,
    "gaps": 0,
    "note": "",
    **_AGE,
}
_USER = {"id": "tess", "name": "Tess", "roles": ["trader"], "bots": [], "disabled": False, "revision": 1}

_EXPLAINED: dict[str, Any] = {
    "explanations": [
        {
            "service": "quoter",
            "account": "mm1",
            "market": "BTC-5M-1795223100",
            "order_id": "4611686018427387905",
            "algo_id": "1",
            "order": {
                "order_id": "4611686018427387905",
                "side": "buy",
                "outcome": "no",
                "price": 0.46,
                "size": 100,
                "filled": 0,
                "state": "live",
                "reason": "",
                "age_ms": 350,
            },
            "passes": [
                {
                    "ago_ms": 350,
                    "at_ns": 1795222805000000000,
                    "state": "quoting",
                    "reason": "",
                    "waiting_for": "",
                    "phase": "lean",
                    "elapsed": 0.02,
                    "seconds_left": 294.1,
                    "inputs": {
                        "fair_value": {"fair": 0.521, "volatility": 0.48, "uncertainty": 0.004, "age_ms": 40},
                        "limits": {"age_ms": 120, "revision": 2},
                        "feed": {"age_ms": 600},
                        "position": {"yes": 120, "no": 100, "net": 20},
                        "free_cash": 99310.5,
                    },
                    "parts": {"floor": 0.02, "staleness": 0.0, "reservation_bid": 0.5206},
                    "skew": 0.0004,
                    "signals": {"bid_toxicity": 0.0, "ask_toxicity": 0.0, "net_skew": 0.0, "frozen": ""},
                    "bids": [[0.5, 100]],
                    "asks": [[0.54, 100]],
                    "cancelled": [],
                    "placed": [
                        {
                            "order_id": "4611686018427387905",
                            "side": "buy",
                            "outcome": "no",
                            "price": 0.46,
                            "size": 100,
                            "takes": False,
                            "passed": ["halted", "limits_stale", "price_collar", "worst_case_position"],
                        }
                    ],
                    "refused": [],
                }
            ],
        }
    ]
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "explained": _EXPLAINED,
    "status": {
        "provenance": {"money": "paper", "prices": ["replay"], "label": "PAPER · REPLAY"},
        "services": _SERVICES,
        "bots": [
            {
                "algo_id": "1",
                "symbol": "BTC-5M-1795223100",
                "state": "quoting",
                "reason": "",
                "price_source": "replay",
                "lot": 1.0,
                "base": "",
                "bids": [[0.5, 100], [0.49, 100]],
                "asks": [[0.54, 100], [0.55, 100]],
                "position": 20,
                "position_yes": 120,
                "position_no": 100,
                "pnl": 1.2,
                "fair": 0.521,
                "fair_age_ms": 60,
                "seconds_left": 171.3,
                "pnl_bot": 13.7,
                "pnl_daily": 13.7,
            }
        ],
        "halts": [_HALT],
        "accounts": [{"account": "mm1", "open_orders": 6, "quoter_silent_ms": None, "report": None}],
        "streams": [{"stream": "FILL", "share": 0.12, "alarming": False, **_AGE}],
    },
    "adjustments": {"adjustments": [_ADJUSTMENT]},
    "transfers": {"transfers": [_TRANSFER]},
    "transferred": {"command_id": _COMMAND_ID, "outcome": "asked", "transfer": _TRANSFER | {"state": "asked"}},
    "adjusted": {"command_id": _COMMAND_ID, "outcome": "proposed", "adjustment": _ADJUSTMENT},
    "health": {"services": _SERVICES, "venues": [_VENUE]},
    "bots": {"bots": [_BOT]},
    "bot": _BOT,
    "bot_changed": {"command_id": _COMMAND_ID, "outcome": "done", "bot": _BOT},
    "bot_history": {"algo_id": "1", "history": [{"running": True, **_CHANGED}]},
    "documents": {"documents": [_DOCUMENT]},
    "document_changed": {"command_id": _COMMAND_ID, "outcome": "done", "document": _DOCUMENT},
    "document_history": {
        "history": [{**_DOCUMENT, "removed": False, "fields": {"exchange_algo_id": [None, "BINANCE"]}}]
    },
    "positions": {
        "positions": [
            {
                "algo_id": "1",
                "realized": "12.50",
                "fees": "-0.80",
                "unrated": [],
                "fill_sequence": 417,
                "lines": [
                    {
                        "account": "mm1",
                        "venue": "degen",
                        "symbol": "BTC-5M-1795223100",
                        "yes": 120,
                        "no": 100,
                        "net": 20,
                        "cost": "109.20",
                        "fees": "-0.10",
                        "fills": 5,
                    }
                ],
                **_AGE,
            }
        ]
    },
    "orders": {
        "orders": [
            {
                "order_id": "4611686018427387905",
                "venue_order_id": "17",
                "algo_id": "1",
                "account": "mm1",
                "venue": "degen",
                "symbol": "BTC-5M-1795223100",
                "outcome": "no",
                "side": "buy",
                "price": "0.46",
                "size": 100,
                "leaves": 60,
                "state": "live",
                "reason": "",
                "age_ms": 900,
            }
        ],
        "total": 1,
    },
    "fills": {
        "fills": [
            {
                "sequence": 417,
                "ts_ns": 1795222805000000000,
                "algo_id": "1",
                "account": "mm1",
                "venue": "degen",
                "symbol": "BTC-5M-1795223100",
                "order_id": "4611686018427387905",
                "venue_trade_id": "9",
                "outcome": "no",
                "side": "buy",
                "price": "0.46",
                "size": 40,
                "lot": "1",
                "base": "",
                "leaves": 60,
                "liquidity": "maker",
                "fee": "-0.02",
                "fee_currency": "USD",
                "currency": "USD",
            }
        ]
    },
    "markets": {
        "markets": [
            {
                "venue": "degen",
                "symbol": "BTC-5M-1795223100",
                "kind": "binary",
                "status": "open",
                "title": "BTC above 60000.00 at 2026-11-21 01:05:00 UTC?",
                "underlying": "BTC",
                "series": "BTC-5M",
                "strike": "60000.00",
                "tie_rule": "strictly_above",
                "tick_size": "0.01",
                "currency": "USD",
                "open_ns": 1795222800000000000,
                "expiry_ns": 1795223100000000000,
                "result": None,
                "settlement_price": None,
                "age_ms": 5000,
            }
        ]
    },
    "alerts": {
        "alerts": [
            {
                "sequence": 12,
                "ts_ns": 1795222805000000000,
                "level": "warning",
                "algo_id": "1",
                "source": "risk",
                "kind": "daily_loss_warning",
                "text": "bot 1 has lost 512.40 of 1000 today",
            }
        ]
    },
    "halts": {"halts": [_HALT]},
    "halted": {"command_id": _COMMAND_ID, "outcome": "done", "halt": _HALT, **_EMPTIED},
    "lifted": {"command_id": _COMMAND_ID, "outcome": "done", "lifted": _HALT},
    "cancelled": {"command_id": _COMMAND_ID, "outcome": "done", **_EMPTIED},
    "me": {"id": "tess", "name": "Tess", "roles": ["trader", "viewer"]},
    "users": {"users": [_USER]},
    "user_changed": {"command_id": _COMMAND_ID, "outcome": "done", "user": _USER},
}
_REFUSAL = {
    "error": {
        "code": "invalid",
        "message": "1 field(s) break a rule",
        "fields": [{"field": "sections.quoting.spread", "rule": "Input should be greater than 0"}],
    }
}


def example(name: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route: what it answers, and what a refusal looks like."""
    return {
        status: {"description": "Done", "content": {"application/json": {"example": EXAMPLES[name]}}},
        "4XX": {"description": "Refused", "content": {"application/json": {"example": _REFUSAL}}},
    }
