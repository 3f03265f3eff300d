"""Benchmarks import what lies beside them by name; their tests find it the same way."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
