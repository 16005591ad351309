"""A report as one page that needs nothing else: no script, no file beside it."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from app.conformance.checks import Status
from app.conformance.render.grouping import by_document, document_title, level_words, sections_of
from app.conformance.render.words import answer_text, evidence_of, request_text
from app.conformance.runner import Report

ORDER = (Status.FAILED, Status.WARNED, Status.PASSED, Status.SKIPPED)

_CODE = re.compile(r"`([^`]+)`")


def html_page(report: Report) -> str:
    """The report; every clause is on it, with its rule and what came of it."""
    pages = Environment(
        loader=PackageLoader("app.conformance.render", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals |= {
        "statuses": ORDER,
        "title_of": document_title,
        "level_of": level_words,
        "evidence_of": evidence_of,
        "request_of": request_text,
        "answer_of": answer_text,
    }
    pages.filters["code"] = with_code
    return pages.get_template("report.html").render(report=report, documents=by_document(sections_of(report)))


def with_code(text: str) -> Markup:
    """Text whose words in backticks are code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 -- escaped before
