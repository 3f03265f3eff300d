"""The supervisor judges the broker by JetStream: its login may ask, and hears when JetStream does not answer."""

from __future__ import annotations

import json

from common.bus.permissions import OPERATOR
from common.streams import JETSTREAM_API
from toolkit.platform.health import jetstream_answers
from toolkit.platform.processes import JetStreamLogin

from tests.integration.connections import connected
from tests.servers import Broker


async def test_r20_r80_the_login_that_judges_the_broker_may_ask_jetstream(shared_broker: Broker) -> None:
    async with connected(shared_broker, OPERATOR) as operator:
        answer = json.loads((await operator.request(f"{JETSTREAM_API}.INFO", b"")).data)
    assert answer["streams"] > 0
    login = JetStreamLogin(shared_broker.url, OPERATOR, shared_broker.password_file(OPERATOR))
    assert await jetstream_answers(login)


async def test_r80_a_broker_that_is_away_does_not_answer(shared_broker: Broker) -> None:
    login = JetStreamLogin("nats://127.0.0.1:1", OPERATOR, shared_broker.password_file(OPERATOR))
    assert not await jetstream_answers(login)
