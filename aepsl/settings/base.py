"""What every section of the configuration has in common."""

from pydantic import BaseModel, ConfigDict


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
