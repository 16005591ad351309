"""Values for whatever a server asks of a new Client (CDS-WG1-02 3.5 and 3.7), right ones and wrong ones."""

import json
import struct
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from app.conformance.formats import is_integer, objects

Document = dict[str, Any]

OR_NULL: Final = "_or_null"
TEXT: Final = "Conformance check, please ignore"
GIF: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
JPEG: Final = b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQ"
    "Ew8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k="
)
"""One grey pixel."""

MAX_LOCAL: Final = 64
"""Characters before the @ of an address."""

MAX_LABEL: Final = 62
"""Characters between two dots of a host name; one less than DNS has, so that one may be added."""

FORMATS: Final = ("string", "url", "email", "boolean", "image", "pdf")


class NoSampleError(Exception):
    """There is no value for a field that has to be submitted; `--field` may give one."""


def submission(fields: Mapping[str, Document], ids: Iterable[str], own: Mapping[str, Any]) -> Document:
    """What to submit for these registration fields, by `field_name`.

    Args:
        fields: `cds_registration_fields`.
        ids: Of the fields; those that are no `registration_field` are fulfilled later and left out.
        own: Values of the caller, by `field_name` or id; they go first.

    Raises:
        NoSampleError: The format of a field is not known here, and the caller has no value for it.
    """
    found: Document = {}
    for field_id in dict.fromkeys(ids):
        field = fields.get(field_id)
        if not isinstance(field, Mapping) or field.get("type") != "registration_field":
            continue
        name = str(field.get("field_name"))
        if name in own or field_id in own:
            found[name] = own[name] if name in own else own[field_id]
        else:
            found[name] = value_for(field)
    return found


def value_for(field: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
    """A valid value for a registration field.

    Raises:
        NoSampleError: Its format is not one of section 3.7.
    """
    kind = str(field.get("format"))
    base = kind.removesuffix(OR_NULL)
    values: dict[str, Any] = {
        "string": cut(TEXT, field),
        "url": "https://client.example/",
        "email": "conformance@client.example",
        "boolean": True,
        "image": in_base64(png()),
        "pdf": in_base64(pdf()),
    }
    if base not in values:
        raise NoSampleError(
            f"no value is known for the registration field {field.get('field_name')!r} of format {kind!r}; "
            f"give one with --field {field.get('field_name')}=VALUE"
        )
    return values[base]


def wrong_values(kind: str) -> dict[str, Any]:
    """Values that a registration field of this format does not take, by what is wrong with them."""
    base = kind.removesuffix(OR_NULL)
    wrong: dict[str, dict[str, Any]] = {
        "string": {"a number": 7, "an object": {}},
        "url": {"no URL": "not a url", "a number": 7},
        "email": {"no address": "x@", "a number": 7},
        "boolean": {"a string": "true", "a number": 1},
        "image": {"a GIF": in_base64(GIF), "text": in_base64(b"no picture"), "no Base64": "%%%%", "a number": 7},
        "pdf": {"text": in_base64(b"no PDF"), "no Base64": "%%%%", "a number": 7},
    }
    nothing = {} if kind.endswith(OR_NULL) or base not in wrong else {"null": None}
    return {**wrong.get(base, {}), **nothing}


def longest(field: Mapping[str, Any], over: int = 0) -> str | None:
    """A value of exactly `max_length` characters, or `over` more; None for fields without such a limit."""
    limit, base = field.get("max_length"), str(field.get("format")).removesuffix(OR_NULL)
    if base not in {"string", "url", "email"} or not isinstance(limit, int) or not is_integer(limit):
        return None
    if base == "email":
        return address(limit + over)
    before = "https://client.example/" if base == "url" else ""
    wanted = limit + over - len(before)
    return before + "a" * wanted if wanted >= 1 else None


def address(length: int) -> str | None:
    """An email address of that length as RFC 5321 has them, or longer ones where it has none; None for short ones."""
    rest = length - len("a@.example")
    if rest < len("client"):
        return None
    local = min(MAX_LOCAL - 1, rest - len("client"))
    labels = rest - local
    parts = [min(MAX_LABEL, labels - place) for place in range(0, labels, MAX_LABEL + 1)]
    name = ".".join("b" * part for part in parts)
    return f"a{'a' * local}@{name}{'b' * (labels - len(name))}.example"


def largest(field: Mapping[str, Any], over: int = 0) -> str | None:
    """A file of exactly `max_size` bytes, or `over` more, in Base64; None for fields without such a limit."""
    limit, base = field.get("max_size"), str(field.get("format")).removesuffix(OR_NULL)
    small = {"image": png(), "pdf": pdf()}.get(base)
    if small is None or not isinstance(limit, int) or not is_integer(limit) or limit + over < len(small) + 32:
        return None
    return in_base64(padded(base, limit + over))


def padded(kind: str, size: int) -> bytes:
    """A picture or a PDF of exactly that many bytes, at least 32 more than the smallest."""
    if kind == "pdf":
        missing = size - len(pdf()) - 2
        return pdf() + b"%" + b"x" * missing + b"\n"
    return png(size - len(png()) - 12)


def cut(text: str, field: Mapping[str, Any]) -> str:
    """`text`, no longer than the field allows."""
    limit = field.get("max_length")
    return text[:limit] if isinstance(limit, int) and is_integer(limit) and limit > 0 else text


def in_base64(content: bytes) -> str:
    """As section 3.7 wants files."""
    return b64encode(content).decode()


def png(comment: int = -1) -> bytes:
    """One grey pixel; with a text chunk of `comment` bytes and 12 more around them, unless that is negative."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    text = chunk(b"tEXt", (b"Comment\0" + b"x" * comment)[:comment]) if comment >= 0 else b""
    return b"\x89PNG\r\n\x1a\n" + header + text + chunk(b"IDAT", zlib.compress(b"\x00\x80")) + chunk(b"IEND", b"")


def pdf(line: str = "Conformance check") -> bytes:
    """One small page with a line of text (ASCII, without brackets or backslashes)."""
    content = f"BT /F1 12 Tf 20 60 Td ({line}) Tj ET".encode()
    parts = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 120]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(parts) + 1
    ending = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return body + ending % (size, table, size, len(body))


def read_value(written: str) -> tuple[str, Any]:
    """NAME=VALUE of a command line: VALUE is JSON, @FILE for a file in Base64, or else a plain string.

    Raises:
        ValueError: There is no `=`, or the file cannot be read.
    """
    name, equals, value = written.partition("=")
    if not name or not equals:
        raise ValueError(f"{written!r} is not of the form NAME=VALUE")
    if value.startswith("@"):
        try:
            return name, in_base64(Path(value[1:]).read_bytes())
        except OSError as error:
            raise ValueError(f"{value[1:]} cannot be read: {error.strerror}") from None
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def fields_of(scopes: Mapping[str, Any], wanted: Iterable[str], *names: str) -> list[str]:
    """The ids of registration fields that these scopes list under `names` (registration_requirements and so on)."""
    described = objects({scope: scopes.get(scope) for scope in wanted})
    listed = [field for scope in described for name in names for field in scope.get(name) or () if name in scope]
    return [field for field in dict.fromkeys(listed) if isinstance(field, str)]
