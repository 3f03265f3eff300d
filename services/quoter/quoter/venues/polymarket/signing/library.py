"""What is used of Polymarket's client library, imported without what the import does to the process.

One of its dependencies raises the interpreter's recursion limit to 100,000. Frames nested that deep would then overflow
the stack and end the process, where the usual limit makes them malformed input like any other.
"""
# ruff: noqa: E402

import sys

_RECURSION_LIMIT = sys.getrecursionlimit()

from py_clob_client_v2.clob_types import ApiCreds, RequestArgs
from py_clob_client_v2.config import get_contract_config
from py_clob_client_v2.headers.headers import create_level_2_headers
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2, SignatureTypeV2
from py_clob_client_v2.order_utils import Side as LibrarySide
from py_clob_client_v2.order_utils.model.order_data_v2 import (
    OrderDataV2,
    OrderV2,
    SignedOrderV2,
    order_to_json_v2,
)
from py_clob_client_v2.signer import Signer as LibrarySigner

sys.setrecursionlimit(_RECURSION_LIMIT)

__all__ = [
    "ApiCreds",
    "ExchangeOrderBuilderV2",
    "LibrarySide",
    "LibrarySigner",
    "OrderDataV2",
    "OrderV2",
    "RequestArgs",
    "SignatureTypeV2",
    "SignedOrderV2",
    "create_level_2_headers",
    "get_contract_config",
    "order_to_json_v2",
]
