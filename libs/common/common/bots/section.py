"""What all parts of a configuration have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=64)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
"""Of a file in the pricer's directory of models; a name, not a path."""


class Section(BaseModel):
    """One part of a bot's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
