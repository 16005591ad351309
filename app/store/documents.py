"""Objects as bytes: what is stored is what goes out, but for two marks.

Our own URLs are stored with the control character 0x01 in place of `CDS_PUBLIC_URL`, so that they follow the setting
when it changes. JSON never contains that byte, which makes both directions one `bytes.replace`.
"""

from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from app.domain.records import AnyObject
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.encoding import decode, encode

_BASE = b"\x01"
_SEPARATOR = b"\x00"
_EXTRA = b',"extra":'
"""What comes before the last field of a Client."""
_CLIENT_FIELDS = frozenset(name for name in Client.__struct_fields__ if name != "extra")


class Documents:
    """Turns objects into stored bytes and back, and stored bytes into what goes out."""

    def __init__(self, public_url: str) -> None:
        self._base = public_url.encode()
        self._quoted = b'"' + self._base + b"/"

    def pack(self, item: AnyObject) -> bytes:
        """The bytes to store. A Credential leaves its secret out, a Client merges its extra fields in."""
        if isinstance(item, Client):
            return self.shrink(_with_extra(item))
        if isinstance(item, Credential):
            item = replace(item, client_secret=UNSET)
        return self.shrink(encode(item))

    def unpack(self, kind: type[AnyObject], stored: bytes) -> Any:  # noqa: ANN401 -- an instance of `kind`
        """The object that `pack` made these bytes of."""
        fields = decode(self.expand(stored))
        if kind is Client:
            fields["extra"] = {name: fields.pop(name) for name in list(fields) if name not in _CLIENT_FIELDS}
        return msgspec.convert(fields, kind)

    def shrink(self, document: bytes) -> bytes:
        """Our own URLs marked."""
        return document.replace(self._quoted, b'"' + _BASE + b"/")

    def expand(self, stored: bytes) -> bytes:
        """The marks replaced by our present URL."""
        return stored.replace(_BASE, self._base)

    def expand_all(self, stored: list[bytes]) -> list[bytes]:
        """`expand` for a page of documents; joined first, so that it takes three passes, not a hundred small ones."""
        return self.expand(_SEPARATOR.join(stored)).split(_SEPARATOR) if stored else []


def _with_extra(client: Client) -> bytes:
    """The JSON of a Client Object with its extra fields among the others.

    They are put together as text, because making a dictionary of the whole object first takes three times as long.
    """
    extra = encode(client.extra)
    named = encode(client)[: -len(_EXTRA) - len(extra) - 1]
    return named + (b"," + extra[1:] if client.extra else b"}")
