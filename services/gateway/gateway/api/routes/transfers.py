"""Money between our accounts over REST: who asks for it and why, and what has become of it."""

from __future__ import annotations

from decimal import Decimal

from common.clock import NS_PER_S
from common.core import Receipt
from common.errors import PublishRefused
from common.events import TransferCommand
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access import ContextOf, TraderOrRisk, Viewer
from gateway.api.errors import WRONG_LAST_SEQUENCE, ApiError, answer, bad_field
from gateway.api.examples import example
from gateway.changes.transfers import Transfer
from gateway.context import Context
from gateway.state.view import View

SHOWN_MAX = 100
REASON_CHARS_MAX = 500
AMOUNT_MAX = Decimal(10) ** 12
LIFE_NS = 600 * NS_PER_S
"""What its holder has not asked the venue for by then is refused."""
NUMBER_MAX = 2**63 - 1

router = APIRouter(prefix="/api", tags=["transfers"])


class Asked(BaseModel):
    """Money that is to go from one of our accounts to one at another venue; the amount is text."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "account": "mm1-kraken",
                    "to_account": "mm1-dltxmm",
                    "amount": "0.5",
                    "currency": "BTC",
                    "reason": "DLTXMM runs out of bitcoin",
                }
            ]
        },
    )

    account: str = Field(min_length=1, max_length=64, description="that pays")
    to_account: str = Field(min_length=1, max_length=64)
    amount: Decimal = Field(gt=0, le=AMOUNT_MAX, allow_inf_nan=False)
    currency: str = Field(min_length=1, max_length=12)
    reason: str = Field(min_length=1, max_length=REASON_CHARS_MAX, description="why, for the audit")
    client_transfer_id: str = Field(
        default="",
        pattern="^([1-9][0-9]{0,18})?$",
        description="a number of yours: sent again under it, nothing more is sent; one is chosen where none is given",
    )


@router.get("/transfers", responses=example("transfers"))
async def get_transfers(context: ContextOf, _caller: Viewer) -> Response:
    """List the newest transfers, newest first: asked, sending, under_way, done, or refused and why."""
    found = list(context.view.transfers.newest_first())[:SHOWN_MAX]
    return answer({"transfers": [each.row() for each in found]})


@router.post("/transfers", status_code=201, responses=example("transferred", 201))
async def post_transfer(asked: Asked, context: ContextOf, caller: TraderOrRisk) -> Response:
    """Ask for a transfer; it is sent once, and arrives after the venue's delay.

    200 with what it came to when it was asked for before, 409 when the number was used for another.
    """
    now_ns = context.now_ns()
    number = int(asked.client_transfer_id) if asked.client_transfer_id else now_ns
    if number > NUMBER_MAX:
        raise bad_field("client_transfer_id", f"must be at most {NUMBER_MAX}")
    known = context.view.transfers.get(asked.account, number)
    if known is not None:
        return _again(asked, known)
    command = commanded(asked, context.view, caller.user_id, number, now_ns)
    return await _ask(context, asked, command)


async def _ask(context: Context, asked: Asked, command: TransferCommand) -> Response:
    """Keep the record, then publish as the first word under its number, and read back what stands there."""
    target = f"{command.account}-{command.number}"
    detail = {
        "to_account": command.to_account,
        "amount": f"{command.amount:f}",
        "currency": command.currency,
        "reason": command.reason,
    }
    command_id = await context.audit(command.actor, "transfer", target, detail)
    taken = False
    try:
        await context.publish(command, expected_last_sequence=0)
    except PublishRefused as error:
        await context.audit(command.actor, "transfer", target, detail, outcome=f"refused: {error.description}")
        if error.code != WRONG_LAST_SEQUENCE:
            raise
        taken = True
    # Of two requests under one number at two gateways one is stored, and a broker takes the other for a repeat.
    stored = await context.stored(TransferCommand, account=command.account, number=str(command.number))
    if not stored:
        raise ApiError(503, "unknown", "whether it is stored is unknown: ask again under the same client_transfer_id")
    first = stored[0]
    context.view.transfers.on_command(first, Receipt(context.now_ns()))
    transfer = context.view.transfers.get(first.account, first.number) or Transfer(first)
    if taken or first != command:
        return _again(asked, transfer)
    return answer({"command_id": command_id, "outcome": "asked", "transfer": transfer.row()}, 201)


def _again(asked: Asked, known: Transfer) -> Response:
    """Answer what has been asked for before; ApiError where the number stands for another transfer."""
    command = known.command
    if (asked.to_account, asked.currency, asked.amount) != (command.to_account, command.currency, command.amount):
        text = f"{command.amount:f} {command.currency} to {command.to_account}"
        rule = f"stands for another transfer of {command.account}: {text}"
        raise ApiError(409, "conflict", f"client_transfer_id: {rule}", [("client_transfer_id", rule)])
    return answer({"outcome": "known", "transfer": known.row()})


def commanded(asked: Asked, view: View, by: str, number: int, now_ns: int) -> TransferCommand:
    """Return the transfer that is asked for; ApiError names the field that cannot be, and its rule."""
    accounts = {name: state.event for name, state in view.accounts.items()}
    for field in ("account", "to_account"):
        if getattr(asked, field) not in accounts:
            raise bad_field(field, f"must be an account of ours: {', '.join(sorted(accounts)) or 'none is known yet'}")
    if asked.account == asked.to_account:
        raise bad_field("to_account", "must be another account than the one that pays")
    source, target = accounts[asked.account], accounts[asked.to_account]
    if source.venue == target.venue:
        raise bad_field("to_account", f"must be at another venue, both are at {source.venue}")
    balances = {each.currency: each for each in source.balances}
    shared = [each.currency for each in target.balances if each.currency in balances]
    if asked.currency not in shared:
        raise bad_field("currency", f"must be one that both accounts have: {', '.join(shared) or 'there is none'}")
    balance = balances[asked.currency]
    unit = balance.unit
    if asked.amount % unit:
        raise bad_field("amount", f"must be a multiple of {unit:f} {asked.currency}")
    if asked.amount > balance.available:
        raise bad_field("amount", f"must be at most what {asked.account} has available, {balance.available:f}")
    return TransferCommand(
        account=asked.account,
        number=number,
        venue=source.venue,
        to_account=asked.to_account,
        to_venue=target.venue,
        currency=asked.currency,
        amount=asked.amount.quantize(unit),
        actor=by,
        reason=asked.reason,
        expires_at_ns=now_ns + LIFE_NS,
        ts_ns=now_ns,
    )
