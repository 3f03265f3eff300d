"""Money on its way from an account here to one at another venue of the same exchange, and what has come from there.

The sender's journal has the transfer with the entry that pays for it, the receiver's has its number with the entry that
brings it. After a restart whatever was sent and has no number there is handed over again: nothing is lost or doubled
by the death of the process between the two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from exchange.market.accounts import Account
from exchange.market.lifecycle import NEVER_NS
from exchange.market.markets import NS_PER_S
from exchange.market.money import DOLLAR, amount_text, signed_units_of
from exchange.market.refusals import Refusal
from exchange.market.tape import Fact
from exchange.spot.ledger import SpotLedger

DELAY_NS: Final = 60 * NS_PER_S
LOOK_NS: Final = NS_PER_S // 10
"""How often it is asked whether what was handed over has been booked."""
ON_THE_WAY_MAX: Final = 100
"""Of one account."""
KEPT_MAX: Final = 1_000
"""Arrived transfers that can be asked for, of the whole venue."""
FACTS: Final = ("transfer", "received", "transfers")


@dataclass(slots=True)
class Transfer:
    """An amount on its way, or arrived."""

    number: int
    """Counted from 1 for each pair of venues."""
    client_transfer_id: int
    from_venue: str
    from_account: str
    to_venue: str
    to_account: str
    currency: str
    units: int
    account_sequence: int
    sent_ns: int
    due_ns: int
    arrived: bool = False

    @property
    def transfer_id(self) -> str:
        """Its name at both venues."""
        return f"{self.from_venue}-{self.to_venue}-{self.number}"

    def as_json(self) -> dict[str, Any]:
        return {
            "transfer_id": self.transfer_id,
            "client_transfer_id": str(self.client_transfer_id),
            "from_venue": self.from_venue,
            "from_account": self.from_account,
            "to_venue": self.to_venue,
            "to_account": self.to_account,
            "currency": self.currency,
            "amount": amount_text(self.units, self.currency),
            "status": "arrived" if self.arrived else "sent",
            "account_sequence": self.account_sequence,
            "sent_ns": self.sent_ns,
            "due_ns": self.due_ns,
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Transfer:
        """A transfer as the journal kept it."""
        return cls(
            number=int(body["transfer_id"].rpartition("-")[2]),
            client_transfer_id=int(body["client_transfer_id"]),
            from_venue=body["from_venue"],
            from_account=body["from_account"],
            to_venue=body["to_venue"],
            to_account=body["to_account"],
            currency=body["currency"],
            units=signed_units_of(body["amount"], body["currency"]),
            account_sequence=body["account_sequence"],
            sent_ns=body["sent_ns"],
            due_ns=body["due_ns"],
            arrived=body["status"] == "arrived",
        )


@dataclass(slots=True)
class Received:
    """Which numbers of another venue's transfers have been booked: all up to one, and some after it."""

    up_to: int = 0
    beyond: set[int] = field(default_factory=set)

    def has(self, number: int) -> bool:
        return number <= self.up_to or number in self.beyond

    def add(self, number: int) -> None:
        self.beyond.add(number)
        while self.up_to + 1 in self.beyond:
            self.up_to += 1
            self.beyond.remove(self.up_to)


class Transfers:
    """What one venue has sent to others, and received; a participant, because money arrives by itself."""

    def __init__(self, venue: str, books: SpotLedger, customers: Collection[str], delay_ns: int = DELAY_NS) -> None:
        self.venue, self.books, self.customers, self.delay_ns = venue, books, customers, delay_ns
        self.others: dict[str, Transfers] = {}
        """The other venues by name, each with its side of this."""
        self.currencies: Collection[str] = (DOLLAR,)
        self._kept: dict[str, Transfer] = {}
        """By id, oldest first."""
        self._on_the_way: dict[str, Transfer] = {}
        self._numbers: dict[str, int] = {}
        """By venue: of the last transfer to it."""
        self._received: dict[str, Received] = {}
        self._handed_over: dict[str, Transfer] = {}
        """What others have handed over and is not booked yet."""
        self._look_ns = NEVER_NS

    # --- what an account asks for -------------------------------------------------------------------------------

    def send(
        self,
        account: Account,
        client_transfer_id: int,
        currency: str,
        units: int,
        to_venue: str,
        to_account: str,
        now_ns: int,
    ) -> Transfer:
        """Take an amount from an account and send it; raises a Refusal that changed nothing."""
        self._demand_known(to_venue, to_account, currency)
        mine = [each for each in self._kept.values() if each.from_account == account.name]
        for each in mine:
            if each.client_transfer_id == client_transfer_id:
                raise Refusal(
                    "duplicate_client_transfer_id",
                    f"client_transfer_id {client_transfer_id} was used for transfer {each.transfer_id}",
                    "client_transfer_id",
                    beside={"transfer": each.as_json()},
                )
        if sum(not each.arrived for each in mine) >= ON_THE_WAY_MAX:
            raise Refusal("too_many_transfers", f"at most {ON_THE_WAY_MAX} transfers of an account on their way")
        if account.available(currency) < units:
            needed, free = amount_text(units, currency), amount_text(account.available(currency), currency)
            raise Refusal("insufficient_funds", f"{needed} {currency} needed, {free} available", "amount")
        number = self._numbers[to_venue] = self._numbers.get(to_venue, 0) + 1
        sent = Transfer(
            number=number,
            client_transfer_id=client_transfer_id,
            from_venue=self.venue,
            from_account=account.name,
            to_venue=to_venue,
            to_account=to_account,
            currency=currency,
            units=units,
            account_sequence=account.sequence + 1,
            sent_ns=now_ns,
            due_ns=now_ns + self.delay_ns,
        )
        self.books.post(account, "transfer", currency, -units, now_ns, transfer_id=sent.transfer_id)
        self._keep(sent)
        # On the disk before anybody learns of it: the other side may book it while this one still could be lost.
        fact = {"type": "transfer", "transfer": sent.as_json()}
        self.books.ledger.tape.add(Fact("none", None, None, fact, durable=True))
        return sent

    def _demand_known(self, venue: str, account: str, currency: str) -> None:
        if (other := self.others.get(venue)) is None:
            raise Refusal("invalid_field", f"to_venue must be one of {', '.join(self.others) or 'none'}", "to_venue")
        if account not in other.customers:
            raise Refusal("invalid_field", f"no account {account} at {venue}", "to_account")
        if currency not in self.currencies or currency not in other.currencies:
            shared = ", ".join(sorted(set(self.currencies) & set(other.currencies)))
            raise Refusal("invalid_field", f"currency must be one that both venues have: {shared}", "currency")

    def of(self, account: str) -> list[Transfer]:
        """The transfers an account has sent, oldest first, as far as they are kept."""
        return [each for each in self._kept.values() if each.from_account == account]

    # --- what happens by itself ---------------------------------------------------------------------------------

    def start(self, now_ns: int) -> None:
        self._look_ns = now_ns

    def next_due_ns(self) -> int:
        return self._look_ns

    def sit_out(self, now_ns: int) -> None:
        """Book nothing while the journal takes nothing; all of it is asked for again later."""
        self._look_ns = max(self._look_ns, now_ns + NS_PER_S)

    def advance(self, now_ns: int) -> None:
        """Book what has come, and hand over what is due."""
        if now_ns < self._look_ns:
            return
        handed_over, self._handed_over = self._handed_over, {}
        for each in handed_over.values():
            self._book(each, now_ns)
        for each in [each for each in self._on_the_way.values() if each.due_ns <= now_ns]:
            other = self.others.get(each.to_venue)
            if other is not None and other.has_booked(each):
                each.arrived = True
                del self._on_the_way[each.transfer_id]
                self._forget_old()
            elif other is not None:
                other.hand_over(each)
        self._look_ns = min(
            (max(each.due_ns, now_ns + LOOK_NS) for each in self._on_the_way.values()), default=NEVER_NS
        )

    def has_booked(self, sent: Transfer) -> bool:
        """Whether this venue has what another one sent."""
        return sent.from_venue in self._received and self._received[sent.from_venue].has(sent.number)

    def hand_over(self, sent: Transfer) -> None:
        """Take in what another venue sent; it is booked at the next look."""
        self._handed_over[sent.transfer_id] = sent
        self._look_ns = 0

    def _book(self, sent: Transfer, now_ns: int) -> None:
        if self.has_booked(sent):
            return
        account = self.books.ledger.account(sent.to_account)
        self.books.post(account, "transfer", sent.currency, sent.units, now_ns, transfer_id=sent.transfer_id)
        self._received.setdefault(sent.from_venue, Received()).add(sent.number)
        fact = {"type": "received", "venue": sent.from_venue, "number": sent.number}
        self.books.ledger.tape.add(Fact("none", None, None, fact, durable=True))

    def _keep(self, sent: Transfer) -> None:
        self._kept[sent.transfer_id] = sent
        if not sent.arrived:
            self._on_the_way[sent.transfer_id] = sent
            self._look_ns = min(self._look_ns, sent.due_ns)

    def _forget_old(self) -> None:
        arrived = [each.transfer_id for each in self._kept.values() if each.arrived]
        for transfer_id in arrived[: max(0, len(arrived) - KEPT_MAX)]:
            del self._kept[transfer_id]

    # --- the journal --------------------------------------------------------------------------------------------

    def restore(self, fact: dict[str, Any]) -> None:
        """Take one fact of an earlier run."""
        if fact["type"] == "transfer":
            sent = Transfer.from_json(fact["transfer"])
            self._numbers[sent.to_venue] = max(sent.number, self._numbers.get(sent.to_venue, 0))
            self._keep(sent)
        elif fact["type"] == "received":
            self._received.setdefault(fact["venue"], Received()).add(fact["number"])
        else:
            self._numbers.update(fact["numbers"])
            for venue, up_to, beyond in fact["received"]:
                self._received[venue] = Received(up_to, set(beyond))

    def facts(self) -> Iterator[dict[str, Any]]:
        """The state as facts that `restore` takes back; none where nothing was ever transferred."""
        if self._numbers or self._received:
            rows = [[venue, each.up_to, sorted(each.beyond)] for venue, each in self._received.items()]
            yield {"type": "transfers", "numbers": self._numbers, "received": rows}
        for each in self._kept.values():
            yield {"type": "transfer", "transfer": each.as_json()}

    def in_transit(self) -> dict[str, int]:
        """Units by currency that were sent from here and are booked nowhere yet."""
        total: dict[str, int] = {}
        for each in self._on_the_way.values():
            other = self.others.get(each.to_venue)
            if other is None or not other.has_booked(each):
                total[each.currency] = total.get(each.currency, 0) + each.units
        return total
