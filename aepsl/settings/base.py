"""What every section of the configuration has in common."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Unicode's category Cc


class Section(BaseModel):
    """A documented, bounded part of the configuration.

    Unknown keys, values of another type, infinities and NaN are refused, nothing is converted silently but whole
    numbers to fractions. A field's docstring is its entry in the JSON schema and in docs/settings.md.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    @field_validator("*")
    @classmethod
    def _without_control_characters(cls, value: Any) -> Any:
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and CONTROL.search(text):
                raise ValueError(f"a text has no line ends or control characters. Got: {text!r}")
        return value
