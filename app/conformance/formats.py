"""The notations of values: RFC 3339 times and durations, URLs, media types, country codes (sections 2 of both)."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

INFINITE: Final = "infinite"

_COUNTRIES: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA "
    "CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA "
    "GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP "
    "KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS "
    "MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS "
    "RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW "
    "TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
)
COUNTRIES: Final = frozenset(_COUNTRIES.split())
"""ISO 3166-1 alpha-2, and XK, which is in use for Kosovo."""

_DATETIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|[+-]([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_DURATION = re.compile(r"P(?:\d+W|(?=\d)(?:\d+Y)?(?:\d+M)?(?:\d+D)?)", re.ASCII)
_DURATION = re.compile(
    r"P(?:\d+W|(?=\d|T)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)", re.ASCII
)
_ZERO_SECONDS = "P0S"
"""An example of CDS-WG1-02 section 2 that RFC 3339 does not know; it is accepted."""
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(?:\s*;.*)?", re.ASCII
)


def parse_datetime(value: object) -> datetime | None:
    """An RFC 3339 date-time in UTC, or None when it is something else. A leap second counts as the one before."""
    found = _DATETIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    text = found[0].upper().replace("Z", "+00:00").replace(":60", ":59", 1 if found[4] == "60" else 0)
    text = re.sub(r"\.(\d{1,6})\d*", lambda fraction: f".{fraction[1]:0<6}", text)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_datetime(value: object) -> bool:
    """Whether it is an RFC 3339 date-time."""
    return parse_datetime(value) is not None


def is_date(value: object) -> bool:
    """Whether it is an RFC 3339 full-date."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_relative_date(value: object) -> bool:
    """Whether it is a duration without hours, minutes and seconds, or `infinite`."""
    return isinstance(value, str) and (value == INFINITE or _DATE_DURATION.fullmatch(value) is not None)


def is_relative_datetime(value: object) -> bool:
    """Whether it is a duration of RFC 3339 Appendix A, or `infinite`."""
    return isinstance(value, str) and (value in {INFINITE, _ZERO_SECONDS} or _DURATION.fullmatch(value) is not None)


def is_url(value: object) -> bool:
    """Whether it is an absolute URL that a browser can open."""
    if not isinstance(value, str) or any(character.isspace() or ord(character) < ord(" ") for character in value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def is_media_type(value: object) -> bool:
    """Whether it is a type/subtype of RFC 6838."""
    return isinstance(value, str) and _MEDIA_TYPE.fullmatch(value) is not None


def is_country(value: object) -> bool:
    """Whether it is an ISO 3166-1 code of two letters."""
    return isinstance(value, str) and value in COUNTRIES


def is_timezone(value: object) -> bool:
    """Whether it is a name of the IANA time zone database."""
    if not isinstance(value, str) or not value:
        return False
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_integer(value: object) -> bool:
    """Whether it is a JSON number without fraction and exponent."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether it is a JSON number; those with a fraction arrive here as Decimal."""
    return not isinstance(value, bool | str) and (is_integer(value) or hasattr(value, "as_tuple"))


def is_strings(value: object) -> bool:
    """Whether it is a JSON array of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def is_text(value: object) -> bool:
    """Whether it is a string."""
    return isinstance(value, str)


def strings(value: object) -> list[str]:
    """The strings of an array, or none where there is no array: for checks that are not about its shape."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def objects(value: object) -> list[dict[str, Any]]:
    """The objects of an array or the values of an object, likewise."""
    found = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [item for item in found if isinstance(item, dict)]


def shown(value: object) -> str:
    """A value for a sentence, cut when it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 -- about a line
