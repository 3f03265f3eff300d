"""What a run of the simulation says in a process of its own, under a hash seed of its own."""

from __future__ import annotations

import os
import subprocess
import sys

RUN_S_MAX = 900
"""A run takes seconds; this is for a machine that has no time for it."""


def history(code: str, hash_seed: int) -> str:
    """Return what a program prints, such as the digest of a run."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=RUN_S_MAX,
    )
    return done.stdout.strip()
