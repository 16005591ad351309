"""Objects as JSON objects: absent fields left out, extra fields merged in."""

from typing import Any

import msgspec
from msgspec import UNSET, Struct

from app.schemas.clients import Client


def document_of(item: Struct) -> dict[str, Any]:
    """The members of an object as they appear on the wire, values still typed (encode them with `encode`)."""
    fields = {name: value for name, value in msgspec.structs.asdict(item).items() if value is not UNSET}
    if isinstance(item, Client):
        fields |= fields.pop("extra")
    return fields
