"""Plausible values for whatever a server asks of a new Client (CDS-WG1-02 3.7)."""

import struct
import zlib
from base64 import b64encode
from typing import Any

from app.demo.narrator import Document

_COMPANY = "Demo Energy Apps"


def registration_fields(metadata: Document, scopes: list[str]) -> dict[str, Any]:
    """A value for every registration field that these scopes require with the registration, by `field_name`."""
    fields = metadata["cds_registration_fields"]
    required = {
        field_id
        for scope in scopes
        for field_id in metadata["cds_scope_descriptions"][scope]["registration_requirements"]
    }
    asked = [fields[field_id] for field_id in sorted(required) if fields[field_id]["type"] == "registration_field"]
    return {field["field_name"]: plausible(field["format"]) for field in asked}


def plausible(field_format: str) -> object:
    """A value that a registration field of this format takes; None for one that may be null anyway."""
    values: dict[str, object] = {
        "string": _COMPANY,
        "url": "https://client.example/privacy",
        "email": "security@client.example",
        "boolean": True,
        "image": b64encode(png()).decode(),
        "pdf": b64encode(pdf("Demo")).decode(),
    }
    return values.get(field_format)


def png() -> bytes:
    """The smallest picture: one grey pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\x00\x80")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def pdf(text: str) -> bytes:
    """One small page with a line of text (ASCII, without brackets or backslashes)."""
    content = f"BT /F1 12 Tf 20 60 Td ({text}) Tj ET".encode()
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 120]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return body + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        table,
        size,
        len(body),
    )
