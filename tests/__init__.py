"""Tests of the whole; a package, because a dependency installs one of this name, which would hide a mere folder."""
