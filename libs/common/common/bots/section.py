"""What all parts of a configuration have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

Text = Annotated[str, Field(min_length=1, max_length=64)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
"""Of a file in the pricer's directory of models; a name, not a path."""


OWN_RULE = "Value error, "
"""What pydantic puts before the text of a rule of ours."""


class Section(BaseModel):
    """One part of a bot's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        # Python counts True as 1: `levels: true` would quote one level without a word.
        assert info.field_name is not None
        if isinstance(value, bool) and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError("must not be true or false")
        return value


def faults_of(error: ValidationError) -> list[str]:
    """Return 'field.path: rule' for each fault pydantic found."""
    return [
        f"{'.'.join(str(part) for part in fault['loc']) or 'document'}: {fault['msg'].removeprefix(OWN_RULE)}"
        for fault in error.errors()
    ]
