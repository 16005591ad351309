"""Conditional requests: whether the caller has this already (RFC 9110 13)."""

import re

_TAG = re.compile(r'\s*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether the answer to a GET or HEAD is 304: `If-None-Match` names `etag`, or is `*`.

    Args:
        if_none_match: The header as it came; None when there was none. Several headers joined with commas are fine.
        etag: What we publish, quotes included. Weak or strong makes no difference here (RFC 9110 13.1.2).
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    wanted = etag.removeprefix("W/")
    position = 0
    while match := _TAG.match(if_none_match, position):
        if match[1] == wanted:
            return True
        position = match.end()
    return False
