"""Pages of listings: cursors in, links out (ambiguities J2, J3).

A cursor is opaque to callers: `n` or `o` (towards newer or older) and a position in base 36. Links keep every filter
of the request and are absolute.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from app.domain.records import Cursor, Page
from app.errors import InvalidRequest
from app.schemas.encoding import encode
from app.web.state import State

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAX_VALUES = 1000


def words(request: Request[Any], name: str) -> tuple[str, ...] | None:
    """The values of a space-separated filter; repeated parameters are joined, an empty one counts as absent.

    Raises:
        InvalidRequest: More values than anybody needs.
    """
    if not request.scope["query_string"]:
        return None
    values = tuple(dict.fromkeys(" ".join(request.query_params.getlist(name)).split()))
    if len(values) > _MAX_VALUES:
        raise InvalidRequest(f"At most {_MAX_VALUES} values are accepted.", field=name)
    return values or None


def cursor(request: Request[Any], name: str = "cursor") -> Cursor | None:
    """The place that a link of ours names. Raises InvalidRequest when it is not one of ours."""
    text = request.query_params.get(name) if request.scope["query_string"] else None
    if not text:
        return None
    direction, digits = text[0], text[1:]
    if direction not in "no" or not 0 < len(digits) <= 11 or any(digit not in _DIGITS for digit in digits):  # noqa: PLR2004 -- enough for 53 bits
        raise InvalidRequest("Follow the next and previous links as they are; this is none of them.", field=name)
    return Cursor(int(digits, 36), newer=direction == "n")


def cursor_text(place: Cursor) -> str:
    """How a cursor looks in a link."""
    digits, rest = "", place.position
    while rest:
        rest, digit = divmod(rest, 36)
        digits = _DIGITS[digit] + digits
    return ("n" if place.newer else "o") + digits


def link(
    request: Request[State], path: str, place: Cursor | None, *, name: str = "cursor", drop: Iterable[str] = ()
) -> str | None:
    """The absolute URL of a neighbouring page, or None at an end. Parameters in `drop` are left out of it."""
    if place is None:
        return None
    gone = {name, *drop}
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in gone and value]
    query = urlencode([*kept, (name, cursor_text(place))])
    return f"{request.state['settings'].public_url}{path}?{query}"


def listing_body(member: str, page: Page, *, next_: str | None, previous: str | None) -> bytes:
    """The listing object with the stored documents spliced in, neither decoded nor encoded again."""
    return b'{"%b":[%b],"next":%b,"previous":%b}' % (
        member.encode(),
        page.listed,
        encode(next_),
        encode(previous),
    )
