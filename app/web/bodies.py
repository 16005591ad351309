"""Request bodies: read up to a limit, and never into something that a later step could stumble over."""

import asyncio
import re
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec
from starlette.requests import ClientDisconnect, Request

from app.domain.texts import is_name
from app.errors import ContentTooLarge, InvalidRequest
from app.schemas.encoding import MAX_DEPTH, decode, encode
from app.web.calls import Exchange, header

FORM: Final = "application/x-www-form-urlencoded"

BODY_SECONDS: Final = 60
"""How long a body may take to arrive."""

_LONGEST_LENGTH: Final = 18
_MAX_PARAMETERS: Final = 100
_MAX_VALUES: Final = 100_000
_CONTROL_ESCAPE = re.compile(rb"\\(?:u00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F]|7[fF])|[bf])")


async def read_body(request: Request[Any], *, limit_bytes: int, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body.

    Raises:
        ContentTooLarge: It is longer than `limit_bytes`; what it says of its own length is believed when that is more.
        InvalidRequest: It did not arrive within `seconds`.
    """
    exchange: Exchange | None = getattr(request, "exchange", None)
    if exchange and (body := exchange.whole_body()) is not None:
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
        return body
    declared = header(request, b"content-length")
    if declared.isdecimal() and (len(declared) > _LONGEST_LENGTH or int(declared) > limit_bytes):
        raise _too_large(limit_bytes)
    return await _read_in_pieces(request, limit_bytes, seconds)


async def _read_in_pieces(request: Request[Any], limit_bytes: int, seconds: float) -> bytes:
    pieces: list[bytes] = []
    length, more = 0, True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                pieces.append(message.get("body", b""))
                more = message.get("more_body", False)
                length += len(pieces[-1])
                if length > limit_bytes:
                    raise _too_large(limit_bytes)
    except TimeoutError as error:
        raise InvalidRequest("The body did not arrive in time.") from error
    return b"".join(pieces)


async def read_json(request: Request[Any], *, limit_bytes: int | None = None) -> dict[str, Any]:
    """The JSON object in the body, whatever its content type says (ambiguities A14).

    Fractional numbers come as Decimal. Text with control characters other than tab and line ends is refused, and so is
    anything nested deeper than `MAX_DEPTH`.

    Raises:
        ContentTooLarge: The body is longer than `limit_bytes` (default: `CDS_MAX_BODY`).
        InvalidRequest: It is not such an object.
    """
    body = await read_body(request, limit_bytes=limit_bytes or request.state["settings"].max_body_bytes)
    return parse_json_object(body)


def parse_json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises InvalidRequest as `read_json` does."""
    # Millions of tiny values take seconds to build. The count includes commas and brackets in texts, so it is generous.
    if sum(map(body.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise InvalidRequest(f"The body has more than {_MAX_VALUES} values.")
    try:
        value = decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError) as error:
        raise InvalidRequest("The body is not valid JSON in UTF-8.", detail=str(error)) from error
    if not isinstance(value, dict):
        raise InvalidRequest("The body is not a JSON object.")
    if _has_control_character(body):
        raise InvalidRequest(
            "Text must not contain control characters other than tab and line ends.", field=_member_at_fault(value)
        )
    if _is_deeper_than(value, MAX_DEPTH):
        raise InvalidRequest(f"The body is nested deeper than {MAX_DEPTH} levels.")
    return value


def _has_control_character(body: bytes) -> bool:
    """Whether JSON text has a control character other than tab and line ends; all but DEL can only come as escapes.

    Escaped backslashes go first, so that every backslash that is left begins an escape. The pattern begins with plain
    text, because `re` finds that fast: a body may be 20 MB of Base64.
    """
    return b"\x7f" in body or _CONTROL_ESCAPE.search(body.replace(b"\\\\", b"")) is not None


def _member_at_fault(body: dict[str, Any]) -> str | None:
    """The member of a body in which a control character is; None when its name cannot be repeated in an error."""
    found = next((name for name, value in body.items() if _has_control_character(encode(value))), None)
    return found if is_name(found) else None


def _is_deeper_than(value: object, levels: int) -> bool:
    layer: list[Any] = [value]
    for _ in range(levels):
        layer = [
            child
            for item in layer
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not layer:
            return False
    return True


async def read_form(request: Request[Any]) -> dict[str, str]:
    """The form parameters of an OAuth request; those without a value count as left out (RFC 6749 3.2).

    Raises:
        ContentTooLarge: The body is over `CDS_MAX_BODY`.
        InvalidRequest: Wrong content type, a parameter twice, too many, or bytes that are not UTF-8.
    """
    form: dict[str, str] = {}
    for name, value in await read_form_pairs(request):
        if not value:
            continue
        if name in form:
            raise InvalidRequest("A parameter appears more than once.", field=name if name.isidentifier() else None)
        form[name] = value
    return form


async def read_form_pairs(request: Request[Any]) -> list[tuple[str, str]]:
    """The form parameters of a request as they came, those without a value and repeated ones too.

    Raises:
        ContentTooLarge: The body is over `CDS_MAX_BODY`.
        InvalidRequest: Wrong content type, too many, or bytes that are not UTF-8.
    """
    content_type = header(request, b"content-type")
    if content_type != FORM and content_type.partition(";")[0].strip().lower() != FORM:
        raise InvalidRequest("The content type has to be application/x-www-form-urlencoded.")
    body = await read_body(request, limit_bytes=request.state["settings"].max_body_bytes)
    return parse_pairs(body)


def query_pairs(request: Request[Any]) -> list[tuple[str, str]]:
    """The query parameters of a request as they came. Raises InvalidRequest as `parse_pairs` does."""
    query: bytes = request.scope["query_string"]
    return parse_pairs(query)


def parse_pairs(encoded: bytes) -> list[tuple[str, str]]:
    """Names and values of a query or a form (application/x-www-form-urlencoded).

    Raises:
        InvalidRequest: There are too many, or some are not percent-encoded UTF-8 without NUL.
    """
    pairs = encoded.split(b"&") if encoded else []
    if len(pairs) > _MAX_PARAMETERS:
        raise InvalidRequest(f"There are more than {_MAX_PARAMETERS} parameters.")
    if b"%" in encoded or b"+" in encoded or b"\0" in encoded or not encoded.isascii():
        return [_parameter(pair) for pair in pairs]
    parts = [pair.partition("=") for pair in encoded.decode("ascii").split("&")] if encoded else []
    return [(name, value) for name, _, value in parts]


def _parameter(pair: bytes) -> tuple[str, str]:
    name, _, value = pair.partition(b"=")
    try:
        if b"%" in pair or b"+" in pair:
            decoded = (
                unquote_plus(name.decode("ascii"), errors="strict"),
                unquote_plus(value.decode("ascii"), errors="strict"),
            )
        else:
            decoded = name.decode("ascii"), value.decode("ascii")
    except UnicodeDecodeError as error:
        raise InvalidRequest("The parameters are not percent-encoded UTF-8.") from error
    if "\x00" in decoded[0] or "\x00" in decoded[1]:
        raise InvalidRequest("Parameters must not contain NUL characters.")
    return decoded


def _too_large(limit_bytes: int) -> ContentTooLarge:
    return ContentTooLarge(f"The body is larger than the {limit_bytes} bytes that are accepted here.")
