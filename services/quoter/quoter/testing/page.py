"""The examples of the Degen Terminal's page."""

from __future__ import annotations

import re

_BLOCK = re.compile(r"```json (send|recv|request|response)([^\n]*)\n(.*?)```", re.DOTALL)


def blocks(page: str, part: int) -> list[tuple[str, str, str]]:
    """Return (kind, head, body) of the examples of a part of the page: 0 of markets, 1 of spot, 2 of named venues."""
    parts = re.split(r"\n## 1[45]\. (?:Spot symbols|Named spot venues)\n", page)
    assert len(parts) == 3, "the page has one section of spot symbols and one of named venues"
    return [(kind, head.strip(), body.strip()) for kind, head, body in _BLOCK.findall(parts[part])]
