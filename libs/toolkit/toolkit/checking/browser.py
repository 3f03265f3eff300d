"""The browser that tests of pages start."""

import shutil
from pathlib import Path

from toolkit.servers.programs import SEARCH_PATH

PACKAGE = "chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> Path | None:
    """Return the browser of this machine, or None when it has none that we know to drive."""
    found = (shutil.which(name, path=SEARCH_PATH) for name in NAMES)
    return next((Path(path) for path in found if path is not None), None)
