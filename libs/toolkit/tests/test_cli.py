import subprocess
import sys

SLOW = ("pytest", "pydantic", "yaml", "nats", "structlog", "websockets")
"""What takes longer to import than most commands take."""


def test_no_command_waits_for_what_another_one_imports() -> None:
    asked = f"import sys, toolkit.cli; print([name for name in {SLOW} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
