"""A report as JUnit XML, for whatever shows test results: a suite per section, a case per clause."""

import re
from typing import Final
from xml.etree import ElementTree as ET

from app.conformance.checks import Status
from app.conformance.render.grouping import Section, level_words, sections_of
from app.conformance.render.words import answer_text, evidence_of, request_text
from app.conformance.runner import ClauseResult, Report

_UNWRITABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def junit_document(report: Report) -> bytes:
    """The report as XML; a run that could not begin is one case that has an error."""
    root = ET.Element("testsuites", name=f"CDS conformance of {report.url}", time=f"{report.seconds:.1f}")
    for section in sections_of(report):
        _add_suite(root, section, report)
    if report.problem:
        suite = ET.SubElement(root, "testsuite", name="discovery", tests="1", errors="1")
        case = ET.SubElement(suite, "testcase", classname="discovery", name="a CDS server answers")
        ET.SubElement(case, "error", message=_writable(report.problem))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _add_suite(root: ET.Element, section: Section, report: Report) -> None:
    suite = ET.SubElement(
        root,
        "testsuite",
        name=f"{section.key} {section.title}".strip(),
        tests=str(len(section.results)),
        failures=str(section.count(Status.FAILED)),
        skipped=str(section.count(Status.SKIPPED)),
        errors="0",
        timestamp=report.began.isoformat(),
    )
    for result in section.results:
        _add_case(suite, result, section)


def _add_case(suite: ET.Element, result: ClauseResult, section: Section) -> None:
    seconds = sum(check.milliseconds for check in result.checks) / 1000
    case = ET.SubElement(
        suite,
        "testcase",
        classname=section.key,
        name=f"{result.clause.id} {_writable(result.clause.summary)}",
        time=f"{seconds:.3f}",
    )
    if result.status is Status.FAILED:
        failure = ET.SubElement(case, "failure", message=_writable(result.reason), type="violation")
        failure.text = _writable(_told(result))
    elif result.status is Status.SKIPPED:
        ET.SubElement(case, "skipped", message=_writable(result.reason))
    elif result.status is Status.WARNED:
        ET.SubElement(case, "system-out").text = _writable(f"warning: {result.reason}\n\n{_told(result)}")


def _told(result: ClauseResult) -> str:
    shown = [f"{request_text(exchange)}\n\n{answer_text(exchange)}" for exchange in evidence_of(result)]
    return "\n\n".join([f"{level_words(result.clause)}: {result.clause.summary}", *shown])


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
