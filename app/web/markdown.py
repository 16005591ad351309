"""Markdown that the catalog has, as HTML that does no harm: CommonMark with tables, without HTML of its own.

Links lead to http, https and mailto only, and there are no images: pages load nothing from elsewhere.
"""

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_LOWEST_HEADING: Final = 6


@cache
def _markdown() -> "MarkdownIt":
    # Seventy modules, which only pages with such texts need.
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


@lru_cache(maxsize=64)
def as_html(text: str, *, top: int = 2) -> Markup:
    """HTML of a text, for a template to show as it stands.

    Args:
        text: Markdown.
        top: The level of its uppermost headings in the page.
    """
    markdown = _markdown()
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + top - 1, _LOWEST_HEADING)}"
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704 -- the renderer escapes
