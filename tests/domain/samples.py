"""Small valid things for the tests of the rules: fields, scopes, files, keys."""

import re
import zlib
from base64 import b64encode
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from msgspec import UNSET

from app.catalog.model import AuthorizationDetailsField, Choice, RegistrationField, Scope
from app.errors import Refusal

NOW = datetime(2025, 3, 31, 12, 0, 0, tzinfo=UTC)
CHICAGO = ZoneInfo("America/Chicago")
UTC_ZONE = ZoneInfo("UTC")

_ERROR_DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")


def require_public_text(refusal: Refusal) -> None:
    """An error goes out in the characters that RFC 6749 5.2 permits."""
    assert _ERROR_DESCRIPTION.fullmatch(refusal.description)


def details_field(format_: str, field_id: str = "value", **changes: Any) -> AuthorizationDetailsField:
    """An authorization details field of the type `data`; required unless it has a default."""
    fields: dict[str, Any] = {
        "id": field_id,
        "name": field_id,
        "description": field_id,
        "documentation": None,
        "for_types": ("data",),
        "format": format_,
        "is_required": "default" not in changes,
        "default": UNSET,
        "maximum": UNSET,
        "minimum": UNSET,
        "choices": (),
        "looks_back": False,
        "extra": {},
    }
    return AuthorizationDetailsField(**(fields | changes))


def choices(*ids: str) -> tuple[Choice, ...]:
    return tuple(Choice(id=one, name=one, description=one, documentation=None) for one in ids)


def scope(*fields: AuthorizationDetailsField, scope_id: str = "data") -> Scope:
    return Scope(
        id=scope_id,
        type=scope_id,
        name=scope_id,
        description=scope_id,
        authorization_details_types_supported=(scope_id,),
        authorization_details_fields_supported=fields,
    )


def registration_field(format_: str, **changes: Any) -> RegistrationField:
    """A registration field with id `field`, submitted as `cds_field`."""
    fields: dict[str, Any] = {
        "id": "field",
        "type": "registration_field",
        "description": "A field",
        "field_name": "cds_field",
        "format": format_,
        "default": UNSET,
        "max_length": None,
        "max_size": None,
        "amount": None,
        "currency": None,
        "documentation": None,
        "form": None,
        "extra": {},
    }
    return RegistrationField(**(fields | changes))


def png(width: int = 1, height: int = 1, comment: bytes = b"") -> bytes:
    """A grey PNG image."""
    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0])
    text = png_chunk(b"tEXt", comment) if comment else b""
    pixels = png_chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + text + pixels + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def jpeg(width: int = 1, height: int = 1) -> bytes:
    """A JPEG file that is sound as far as its segments go."""
    frame = bytes([8]) + height.to_bytes(2) + width.to_bytes(2) + bytes([1, 1, 0x11, 0])
    scan = bytes([1, 1, 0, 0, 63, 0])
    return b"\xff\xd8" + jpeg_segment(0xC0, frame) + jpeg_segment(0xDA, scan) + b"\x00\x01\xff\xd9"


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2) + body


PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n"


def base64(content: bytes) -> str:
    return b64encode(content).decode()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False).map(Decimal)
    | st.text()
    | st.sampled_from(["P1Y", "infinite", "2025-01-01", "", "P0S", "data"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
"""Whatever a JSON body may decode to: fractions are Decimal."""
