"""Values for authorization details fields (CDS-WG1-02 3.8 and 3.9), right ones and wrong ones."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from app.conformance.formats import INFINITE, is_integer, is_number, objects

UNKNOWN_CHOICE: Final = "no-such-choice-of-this-field"
PUBLIC_KEY: Final = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "kid": "conformance",
}
"""The example of RFC 7517 appendix A.1."""
ENCRYPTION_KEY: Final = {**PUBLIC_KEY, "use": "enc", "alg": "ECDH-ES+A256KW"}
PRIVATE_PART: Final = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"
WRONG_TYPES: Final[dict[str, tuple[Any, ...]]] = {
    "int": ("7", Decimal("1.5"), True),
    "decimal": ("1.5", True),
    "string": (7, None),
    "string_or_null": (7,),
    "string_list": ("a", [7]),
    "boolean": ("true", 1),
    "relative_or_absolute_date": (7, "tomorrow", "PT1H"),
    "relative_or_absolute_datetime": (7, "tomorrow"),
    "choice": (7,),
    "jwk_or_null": ("key", {}),
}
_RELATIVE = re.compile(r"P(\d+)([YMWD])")


def valid(field: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
    """A value that the field takes: its default, or one within its limits.

    Raises:
        LookupError: The format is not one of section 3.9, or its limits leave nothing that is known here.
    """
    if field.get("default") is not None:
        return field["default"]
    kind, minimum = str(field.get("format")), field.get("minimum")
    least = minimum if isinstance(minimum, int) and is_integer(minimum) and minimum > 0 else 1
    values: dict[str, Any] = {
        "int": minimum if is_integer(minimum) else 1,
        "decimal": minimum if is_number(minimum) else Decimal(1),
        "string": "a" * least,
        "string_or_null": "a" * least,
        "string_list": ["a" * least],
        "boolean": True,
        "relative_or_absolute_date": minimum if minimum not in {None, INFINITE} else "P1D",
        "relative_or_absolute_datetime": minimum if minimum not in {None, INFINITE} else "P1D",
        "choice": next((choice.get("id") for choice in objects(field.get("choices"))), None),
        "jwk_or_null": ENCRYPTION_KEY,
    }
    return values[kind]


def beyond(field: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
    """A value just over the maximum, or None for fields that have none, or none that is known here."""
    kind, maximum = str(field.get("format")), field.get("maximum")
    if kind in {"int", "decimal"}:
        return maximum + 1 if isinstance(maximum, int | Decimal) and is_number(maximum) else None
    if kind.startswith("string"):
        if not isinstance(maximum, int) or not is_integer(maximum):
            return None
        text = "a" * (maximum + 1)
        return [text[: len(text) // 2], text[len(text) // 2 :]] if kind == "string_list" else text
    relative = _RELATIVE.fullmatch(maximum) if isinstance(maximum, str) else None
    if relative is not None and kind.startswith("relative_or_absolute"):
        return f"P{int(relative[1]) + 1}{relative[2]}"
    return None
