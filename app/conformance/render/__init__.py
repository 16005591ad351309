"""A report as people and machines read it: terminal, JSON, JUnit XML, and one page of HTML."""

from app.conformance.render.html import html_page
from app.conformance.render.json_report import json_document
from app.conformance.render.junit import junit_document
from app.conformance.render.terminal import ProgressLine, print_report

__all__ = ["ProgressLine", "html_page", "json_document", "junit_document", "print_report"]
