"""Who said it: signatures over the raw bytes of what costs money or stops trading."""

from common.signing.keys import PrivateKey, Signer, parse_private_key
from common.signing.obeyed import Obeyed
from common.signing.public import KeyList, PublicKey, Seal, read_key_list, signed_list
from common.signing.roles import entitled, fault_in
from common.signing.statement import HEADER, Order, Signature, parse_header, statement
from common.signing.verify import Fault, Refusal, Verifier

__all__ = [
    "HEADER",
    "Fault",
    "KeyList",
    "Obeyed",
    "Order",
    "PrivateKey",
    "PublicKey",
    "Refusal",
    "Seal",
    "Signature",
    "Signer",
    "Verifier",
    "entitled",
    "fault_in",
    "parse_header",
    "parse_private_key",
    "read_key_list",
    "signed_list",
    "statement",
]
