"""Markdown that the catalog has, as HTML that does no harm: CommonMark with tables, without HTML of its own.

Links lead to http, https and mailto only, and there are no images: pages load nothing from elsewhere.
"""

from functools import lru_cache
from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

_LOWEST_HEADING: Final = 6
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


@lru_cache(maxsize=64)
def as_html(text: str, *, top: int = 2) -> Markup:
    """HTML of a text, for a template to show as it stands.

    Args:
        text: Markdown.
        top: The level of its uppermost headings in the page.
    """
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + top - 1, _LOWEST_HEADING)}"
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))  # noqa: S704 -- the renderer escapes
