"""Where the project's tree is: the folder of `mm`, whatever folder the command is called from."""

from pathlib import Path

# An editable install runs from libs/toolkit/toolkit, so the project is three folders up.
ROOT = Path(__file__).resolve().parents[3]

VENV_BIN = ROOT / ".venv" / "bin"

DEFAULT_DATA_DIR = ROOT / ".mm"

CONFIG_DIR = ROOT / "config"
