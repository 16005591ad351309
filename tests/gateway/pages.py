"""The configurations of the documentation, read from the page as an operator does."""

import re
from collections.abc import Mapping
from html import unescape

import httpx

PAGE = "/docs/behind-a-gateway"


def configuration(url: str, label: str) -> str:
    """What stands on the page of this server under that label."""
    page = httpx.get(url + PAGE, trust_env=False, timeout=60)
    assert page.status_code == 200, page.text
    found = re.search(rf'aria-label="{label}"><code[^>]*>(.*?)</code></pre>', page.text, re.DOTALL)
    assert found, label
    return unescape(found[1])


def adapted(text: str, changes: Mapping[str, str]) -> str:
    """The configuration with addresses and paths of this machine; each of them has to be there."""
    for shown, ours in changes.items():
        assert shown in text, shown
        text = text.replace(shown, ours)
    return text
