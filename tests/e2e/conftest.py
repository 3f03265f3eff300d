"""Whole platforms that are used as people do: each needs both servers."""

import pytest
from toolkit.servers.programs import NATS, REDIS
from toolkit.testing.servers import server_here


@pytest.fixture(autouse=True)
def servers() -> None:
    """Without a server that may run here a test is not run."""
    for program in (NATS, REDIS):
        server_here(program)
