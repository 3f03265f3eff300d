"""The script of docs/c2-api.md runs as it stands there."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from gateway.testing.served import CLIENT_SECRET, PASSWORD, Served

PAGE = Path(__file__).parents[3] / "docs/c2-api.md"


async def test_the_script_of_the_page_shows_bots_and_quotes(served: Served, tmp_path: Path) -> None:
    (script,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    secrets = tmp_path / ".mm/gateway"
    secrets.mkdir(parents=True)
    (secrets / "admin-password").write_text(PASSWORD + "\n", encoding="utf-8")
    (secrets / "client-secret").write_text(CLIENT_SECRET + "\n", encoding="utf-8")
    served.story.user("admin", "admin", password_hash=await served.context.passwords.hash(PASSWORD))
    (tmp_path / "watch.py").write_text(script.replace("http://localhost:8080", served.http_url), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "watch.py", cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    lines = output.decode().splitlines()
    assert (process.returncode, lines[0]) == (0, "3 BTCJPY True")
    assert lines[1:] == [
        "bid 0.1 @ 8990000",
        "bid 0.2 @ 8980000",
        "ask 0.1 @ 9010000",
        "ask 0.2 @ 9020000",
    ]
