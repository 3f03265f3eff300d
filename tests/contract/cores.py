"""The core of every service that reads the bus, as its own tests make it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from common.core import Core

CORES: dict[str, Callable[[], Core]] = {
    "risk": lambda: _made("risk.testing.harness", "Harness").risk,
    "pricer": lambda: _made("pricer.testing.harness", "Harness").pricer,
    "quoter": lambda: _made("quoter.testing.script", "Script").core,
    "gateway": lambda: _made("gateway.state.view", "View", admin_urls={}, quoted_venues=()),
}


def _made(module: str, name: str, **arguments: Any) -> Any:
    return getattr(importlib.import_module(module), name)(**arguments)
