"""A quoter and its session over real sockets, as the shell runs them, without a bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from common.core import Close, Effect, HttpRequest, HttpResponse, Open, Receipt, Send
from common.events import Event
from common.orders import OrderIds
from common.running.wires import LiveHttp, LiveWire

from quoter.orders.own_orders import Orders
from quoter.service import Quoter
from quoter.venues.base import Outputs, Session

ORIGIN_NS = 1_795_000_000_000_000_000


class LiveClient:
    """One account's quoter; what it says on the bus is `told`."""

    def __init__(
        self, venue: str, session: Session, orders: Orders, epoch: int, state_most_s: float, account: str = "mm1"
    ) -> None:
        """A state that has not come within `state_most_s` does not come, however busy the machine."""
        self.orders, self._session, self._state_most_s = orders, session, state_most_s
        self.core = Quoter(account, venue, session, orders)
        self.core.epoch = epoch
        self.ids = OrderIds(epoch)
        self.told: list[Event] = []
        self.wire = LiveWire(self.on_open, self.on_frames, self.on_close)
        self.http = LiveHttp(self.on_answer)

    @property
    def now_ns(self) -> int:
        return int(asyncio.get_running_loop().time() * 1e9) + ORIGIN_NS

    async def carry(self, effects: Iterable[Effect]) -> None:
        for effect in list(effects):
            await self.carry_one(effect)

    async def carry_one(self, effect: Effect) -> None:
        if isinstance(effect, Event):
            self.told.append(effect)
        elif isinstance(effect, HttpRequest):
            self.http.ask(effect)
        elif isinstance(effect, Open):
            self.wire.open(effect)
        elif isinstance(effect, Send):
            await self.wire.send(effect.data)
        elif isinstance(effect, Close):
            self.wire.close(effect)

    async def relay(self, outputs: Outputs) -> None:
        await self.carry(self.core.on_session(outputs, Receipt(self.now_ns)))

    async def on_open(self) -> None:
        await self.carry(self.core.on_open(Receipt(self.now_ns)))

    async def on_frames(self, frames: list[bytes]) -> None:
        for frame in frames:
            await self.carry(self.core.on_frame(frame, Receipt(self.now_ns)))

    async def on_close(self, reason: str) -> None:
        await self.carry(self.core.on_close(reason, Receipt(self.now_ns)))

    async def on_answer(self, answer: HttpResponse) -> None:
        await self.carry(self.core.on_answer(answer, Receipt(self.now_ns)))

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(self._state_most_s):
            while not reached():
                await self.relay(self._session.on_timer(self.now_ns))
                await asyncio.sleep(0.01)
