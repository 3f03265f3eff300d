"""Stop a platform that runs in the background (or in another window) and see that it is gone."""

import os
import signal
import time
from pathlib import Path

from toolkit.instance import find_running, read_control
from toolkit.platform.processes import QUOTER_STOP_GRACE_S, SERVER_STOP_GRACE_S, SERVICE_STOP_GRACE_S
from toolkit.platform.screen import Screen

# All waves of a stop, one after the other, and a little for the supervisor itself.
STOP_TIMEOUT_S = QUOTER_STOP_GRACE_S + 2 * SERVICE_STOP_GRACE_S + 2 * SERVER_STOP_GRACE_S + 10.0


def down(data_dir: Path, screen: Screen) -> int:
    """Ask the supervisor to stop, wait until it has, return the exit code."""
    running = find_running(data_dir)
    if running is None:
        screen.say(f"no platform runs on {data_dir}")
        return 0
    screen.say(f"stopping the platform on {data_dir} (pid {running.pid})")
    os.kill(running.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + STOP_TIMEOUT_S
    while running.alive() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    if running.alive():
        screen.say(f"pid {running.pid} still stops after {STOP_TIMEOUT_S:.0f} s; look at {data_dir / 'logs'}")
        return 1
    ended = read_control(data_dir) or running
    remaining = running.living_children()
    quoter_code = ended.children.get("quoter", {}).get("exit_code") or 0
    if quoter_code != 0:
        screen.say(f"quoter: ended with code {quoter_code}, orders may rest at the venue; look at its log")
    screen.say(f"still there: {', '.join(remaining)}" if remaining else "stopped; no process remains")
    return 1 if remaining or quoter_code != 0 else 0
