"""The tiny service as a process of its own: started, asked and killed by tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.platform.listening import free_port

from tests.servers import Broker

TINY = Path(__file__).with_name("tiny_service.py")
TOKEN = "admin-token"
PATIENCE_S = 60.0
# Loopback never goes through a proxy.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Tiny:
    """One process of the tiny service."""

    def __init__(self, broker: Broker, instance: str, **environment: str) -> None:
        self.port = free_port()
        self.log = broker.files / f"{instance}-{self.port}.log"
        token = broker.files / "admin.token"
        token.write_text(TOKEN)
        usual = {
            "MM_INSTANCE": instance,
            "MM_ADMIN_PORT": str(self.port),
            "MM_ADMIN_TOKEN_FILE": str(token),
            "MM_LEASE_TTL_MS": "1500",
        }
        environment = broker.environment("risk", **usual | environment)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, str(TINY)], env=environment, stderr=log, stdout=log)

    def get(self, path: str) -> tuple[int, bytes]:
        url, headers = f"http://127.0.0.1:{self.port}{path}", {"authorization": f"Bearer {TOKEN}"}
        try:
            with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def post(self, path: str, document: dict[str, Any], token: str = TOKEN) -> int:
        return self.order(path, document, token)[0]

    def order(self, path: str, document: dict[str, Any], token: str = TOKEN) -> tuple[int, dict[str, Any]]:
        """Return status and document of the answer to a command; status 0 when nobody listens."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(document).encode(),
            headers={"authorization": f"Bearer {token}"},
            method="POST",
        )
        try:
            with opener.open(request, timeout=10) as answer:
                return int(answer.status), dict(json.loads(answer.read()))
        except urllib.error.HTTPError as error:
            return error.code, dict(json.loads(error.read()))
        except OSError:
            return 0, {}

    def state(self) -> dict[str, Any]:
        status, body = self.get("/state")
        return dict(json.loads(body)) if status == 200 else {}

    def ready(self) -> bool:
        return self.get("/ready")[0] == 200

    def wait(self) -> int:
        return self.process.wait(PATIENCE_S)

    def logged(self) -> str:
        return self.log.read_text()


Run = Callable[..., Tiny]
"""Starts one; whatever still runs when the test ends is killed."""


def until(condition: Callable[[], Any], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"never came: {what}"
        time.sleep(0.02)
