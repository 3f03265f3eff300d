"""The account's keys at Polymarket, and what they sign: the maintained client library writes and signs, we send.

It comes in through `library` alone, and none of its requests are used: it has no say in when and how often
something is sent. What a signature costs stands in docs/adr/0008.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from common.errors import ConfigError
from common.instruments import Side

from quoter.venues.polymarket.signing.library import (
    ApiCreds,
    ExchangeOrderBuilderV2,
    LibrarySide,
    LibrarySigner,
    OrderDataV2,
    OrderV2,
    RequestArgs,
    SignatureTypeV2,
    SignedOrderV2,
    create_level_2_headers,
    get_contract_config,
    order_to_json_v2,
)
from quoter.venues.polymarket.signing.ticket import PolymarketKey, SignedOrder, Ticket


class LibraryKeys:
    """A `Signer` by the client library."""

    def __init__(self, key: PolymarketKey) -> None:
        try:
            self._signer = LibrarySigner(key.wallet_key, key.chain_id)
            self._type = SignatureTypeV2(key.signature_type)
            contracts = get_contract_config(key.chain_id)
        except Exception as error:
            # Whatever the library says of a key may quote it.
            raise ConfigError([f"polymarket key: not usable ({type(error).__name__})"]) from None
        self._creds = ApiCreds(key.api_key, key.api_secret, key.api_passphrase)
        self.owner = key.api_key
        self.address: str = self._signer.address()
        self.wallet = self._maker = key.funder or self.address
        self._order_signer = self._maker if self._type is SignatureTypeV2.POLY_1271 else self.address
        self._salt = ""
        self._builders = {
            neg_risk: ExchangeOrderBuilderV2(contract, key.chain_id, self._signer, lambda: self._salt)
            for neg_risk, contract in ((False, contracts.exchange_v2), (True, contracts.neg_risk_exchange_v2))
        }

    def sign(self, ticket: Ticket) -> SignedOrder:
        builder = self._builders[ticket.neg_risk]
        order = self._order(ticket)
        typed = builder.build_order_typed_data(order)
        signed = SignedOrderV2(**vars(order), signature=builder.build_order_signature(typed))
        document = order_to_json_v2(signed, self.owner, ticket.order_type, ticket.post_only)
        return SignedOrder(builder.build_order_hash(typed), msgspec.json.encode(document))

    def order_hash(self, ticket: Ticket) -> str:
        builder = self._builders[ticket.neg_risk]
        hashed: str = builder.build_order_hash(builder.build_order_typed_data(self._order(ticket)))
        return hashed

    def _order(self, ticket: Ticket) -> OrderV2:
        self._salt = str(ticket.salt)
        return self._builders[ticket.neg_risk].build_order(
            OrderDataV2(
                maker=self._maker,
                signer=self._order_signer,
                tokenId=ticket.token_id,
                makerAmount=str(ticket.maker_amount),
                takerAmount=str(ticket.taker_amount),
                side=LibrarySide.BUY if ticket.side is Side.BUY else LibrarySide.SELL,
                signatureType=self._type,
                timestamp=str(ticket.timestamp_ms),
                expiration=str(ticket.expiration_s),
            )
        )

    def headers(self, method: str, path: str, body: bytes, now_s: int) -> Mapping[str, str]:
        request = RequestArgs(method, path, serialized_body=body.decode() if body else None)
        headers: dict[str, str] = create_level_2_headers(self._signer, self._creds, request, now_s)
        return headers

    def user_channel(self) -> bytes:
        auth = {
            "apiKey": self._creds.api_key,
            "secret": self._creds.api_secret,
            "passphrase": self._creds.api_passphrase,
        }
        return msgspec.json.encode({"auth": auth, "markets": [], "type": "user"})
