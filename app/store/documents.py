"""Objects as bytes: what is stored is what goes out, but for some marks.

Our own URLs are stored with the control character 0x01 in place of `CDS_PUBLIC_URL`, so that they follow the setting
when it changes. JSON never contains that byte, which makes both directions one `bytes.replace`. In the same way other
control characters stand for what nearly every object of a type has in common (`_COMMON`), which takes a third off what
a registration weighs. Compression would take off more, and several times as long.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from app.domain.records import AnyObject
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.encoding import decode, encode
from app.schemas.messages import Message

_BASE = b"\x01"
_EXTRA = b',"extra":'
"""What comes before the last field of a Client."""
_CLIENT_FIELDS = frozenset(name for name in Client.__struct_fields__ if name != "extra")

_NOTHING: Final[Mapping[Any, Any]] = {}

_COMMON: Final[Mapping[type[AnyObject], Mapping[bytes, bytes]]] = {
    Client: {
        b"\x02": b'"redirect_uris":[],"response_types":[],"grant_types":["client_credentials"],'
        b'"token_endpoint_auth_method":"client_secret_basic","authorization_details_types":[',
        b"\x03": b'"redirect_uris":["\x01/oauth/receipt"],"response_types":["code"],'
        b'"grant_types":["authorization_code","refresh_token"],'
        b'"token_endpoint_auth_method":"client_secret_basic","authorization_details_types":[',
        b"\x04": b'","cds_client_uri":"\x01/cds-api/v1/clients/',
        b"\x05": b'"],"cds_server_metadata":"\x01/.well-known/cds-server-metadata.json"',
        b"\x06": b'","cds_default_redirect_uri":"\x01/oauth/receipt","cds_default_authorization_details":[]',
    },
    Message: {
        b"\x02": b'","uri":"\x01/cds-api/v1/messages/',
        b"\x03": b'","previous_uri":null,"type":"',
        b"\x04": b'","read":false,"creator":null,"created":"',
        b"\x05": b'","description":"',
        b"\x06": b'","related_uri":"\x01/',
        b"\x07": b'","related_type":"',
    },
    Credential: {
        b"\x02": b'{"credential_id":"',
        b"\x03": b'","uri":"\x01/cds-api/v1/credentials/',
        b"\x04": b'","client_id":"',
        b"\x05": b'","type":"client_secret","client_secret_expires_at":',
    },
}
"""By type, what marks stand for. That never changes, or stored objects would: a new text needs a new mark.

Scripts in the store read Grants and Registrations, which therefore have none.
"""


class Documents:
    """Turns objects into stored bytes and back, and stored bytes into what goes out.

    Args:
        public_url: `CDS_PUBLIC_URL`.
        marks: Whether what objects of a type have in common is stored as marks, which servers of schema version 1 do
            not understand. Reading takes both.
    """

    def __init__(self, public_url: str, *, marks: bool = True) -> None:
        self._marks = _COMMON if marks else {}
        self._base = public_url.encode()
        self._quoted = b'"' + self._base + b"/"
        self._texts = {
            kind: [(mark, text.replace(_BASE, self._base)) for mark, text in marks.items()]
            for kind, marks in _COMMON.items()
        }

    def pack(self, item: AnyObject, unknown: Mapping[str, Any] = _NOTHING) -> bytes:
        """The bytes to store. A Credential leaves its secret out, a Client merges its extra fields in.

        Args:
            item: The object.
            unknown: What `read` has found in its predecessor beside it.
        """
        if isinstance(item, Client):
            return self.shrink(Client, _with_extra(item))
        if isinstance(item, Credential):
            item = replace(item, client_secret=UNSET)
        return self.shrink(type(item), with_members(encode(item), unknown))

    def unpack(self, kind: type[AnyObject], stored: bytes) -> Any:  # noqa: ANN401 -- an instance of `kind`
        """The object that `pack` made these bytes of."""
        return self.read(kind, stored)[0]

    def read(self, kind: type[AnyObject], stored: bytes) -> tuple[Any, Mapping[str, Any]]:
        """The object that `pack` made these bytes of, and the members that only a newer version knows."""
        fields = decode(self.expand(kind, stored))
        if kind is Client:
            fields["extra"] = {name: fields.pop(name) for name in list(fields) if name not in _CLIENT_FIELDS}
        return msgspec.convert(fields, kind), unknown_members(kind, fields)

    def shrink(self, kind: type[AnyObject], document: bytes) -> bytes:
        """Our own URLs, and what objects of that type have in common, marked."""
        document = document.replace(self._quoted, b'"' + _BASE + b"/")
        for mark, text in self._marks.get(kind, _NOTHING).items():
            document = document.replace(text, mark)
        return document

    def expand(self, kind: type[AnyObject], stored: bytes) -> bytes:
        """The marks replaced by what they stand for, our URL being the present one; in one document or in many."""
        for mark, text in self._texts.get(kind, ()):
            stored = stored.replace(mark, text)
        return stored.replace(_BASE, self._base)


def unknown_members(kind: type[Struct], fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members that a type does not have; hardly ever any."""
    unknown = fields.keys() - kind.__struct_fields__
    return {name: fields[name] for name in fields if name in unknown} if unknown else _NOTHING


def with_members(document: bytes, members: Mapping[str, Any]) -> bytes:
    """A JSON object with more members at its end."""
    if not members:
        return document
    more = encode(members)
    return more if document == b"{}" else document[:-1] + b"," + more[1:]


def _with_extra(client: Client) -> bytes:
    """The JSON of a Client Object with its extra fields among the others.

    They are put together as text, because making a dictionary of the whole object first takes three times as long.
    """
    extra = encode(client.extra)
    named = encode(client)[: -len(_EXTRA) - len(extra) - 1]
    return named + (b"," + extra[1:] if client.extra else b"}")
