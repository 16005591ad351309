"""One way to write JSON and one way to read it.

Numbers with a fraction are `Decimal` on both sides, because WG1-02 3.9 forbids floats; datetimes are RFC 3339 in UTC.
"""

from decimal import Decimal
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)

MAX_DEPTH = 32
"""How many arrays and objects may stand inside each other in what we accept."""


def encode(value: object) -> bytes:
    """The JSON of `value`: Structs, dicts, lists, datetimes (aware, UTC), Decimals as plain numbers."""
    return _encoder.encode(value)


def decode(body: bytes | str) -> Any:  # noqa: ANN401 -- JSON may be anything
    """What `body` says, with every fractional number as Decimal.

    Raises:
        msgspec.DecodeError: Not JSON, not UTF-8, or a number out of range.
        RecursionError: Nested too deeply.
    """
    return _decoder.decode(body)
