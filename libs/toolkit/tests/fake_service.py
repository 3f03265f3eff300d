"""A stand-in for a service: answers 200 on its port, notes its start and stop in a file, ends on SIGTERM."""

import argparse
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from common.stores import STANDS_STILL


class HttpResponse(BaseHTTPRequestHandler):
    dribbles_from: Path | None = None
    stands_still = False

    def do_GET(self) -> None:
        if self.stands_still and self.path == "/ready":
            self.send_response(503)
            self.end_headers()
            self.wfile.write(f'{{"reasons": ["{STANDS_STILL}: FILL is gone"]}}'.encode())
            return
        if self.dribbles_from and self.dribbles_from.exists():
            self.dribble()
        self.send_response(200)
        self.end_headers()

    def dribble(self) -> None:
        """Send a head that never ends: something always arrives within any time-out for a single read."""
        self.send_response(200)
        while True:
            self.send_header("x", "y")
            self.flush_headers()
            time.sleep(0.01)

    def log_message(self, *args: Any) -> None:
        return


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("port", type=int)
    parser.add_argument("events", type=Path)
    parser.add_argument("--deaf", action="store_true", help="ignore SIGTERM")
    parser.add_argument("--with-worker", action="store_true", help="start a worker of its own")
    parser.add_argument("--cannot-cancel", action="store_true", help="end with an error when told to stop")
    parser.add_argument("--fails", action="store_true", help="end at once with a message")
    parser.add_argument("--dribbles-from", type=Path, help="while this file exists, begin answers and never end them")
    parser.add_argument(
        "--stands-still", action="store_true", help="be healthy, and say at /ready that it stands still"
    )
    options = parser.parse_args()

    def note(what: str) -> None:
        with options.events.open("a") as events:
            events.write(f"{what} {options.name}\n")

    def stop(number: int, frame: Any) -> None:
        note("stop")
        sys.exit("2 orders still rest" if options.cannot_cancel else 0)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if options.deaf else stop)
    if options.fails:
        sys.exit("MM_ADMIN_PORT: must be a number")
    if options.with_worker:
        worker = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        note(f"worker={worker.pid}")
    HttpResponse.dribbles_from = options.dribbles_from
    HttpResponse.stands_still = options.stands_still
    server = HTTPServer(("127.0.0.1", options.port), HttpResponse)
    note("start")
    server.serve_forever()


main()
