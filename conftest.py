"""For all tests: properties search for wrong answers, not for slow ones, so that a busy machine fails nothing."""

import os

from hypothesis import HealthCheck, settings

# In CI every run tries the same examples, so that a commit fails for what it changed and for nothing else.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("untimed")
