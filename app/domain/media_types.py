"""What counts as a MIME type."""

import re
from typing import Final

UNKNOWN_TYPE: Final = "application/octet-stream"

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_VALUE = r"(?:[A-Za-z0-9!#$&^_.+-]{1,128}|\"[A-Za-z0-9 !#$&'()*+,./:=?^_-]{0,128}\")"
_MEDIA_TYPE = re.compile(rf"{_NAME}/{_NAME}(?: ?; ?[A-Za-z0-9!#$&^_.+-]{{1,64}}={_VALUE}){{0,8}}")


def is_media_type(text: str) -> bool:
    """Whether `text` is a media type of RFC 6838 4.2, perhaps with parameters as RFC 9110 8.3.1 has them."""
    return _MEDIA_TYPE.fullmatch(text) is not None
