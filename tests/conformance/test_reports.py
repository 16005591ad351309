import io
import json
from xml.etree import ElementTree as ET

from rich.console import Console

from app.conformance import Status
from app.conformance.clauses import load_clauses
from app.conformance.render import html_page, json_document, junit_document, print_report
from app.conformance.render.grouping import section_key, titles
from tests.conformance.reports import full_report, no_report
from tests.html_validity import require_valid


def printed(report, **how):
    console = Console(file=io.StringIO(), width=100, no_color=True)
    print_report(report, console, **how)
    return console.file.getvalue()


def test_json_has_members_that_others_may_rely_on():
    document = json.loads(json_document(full_report()))

    assert set(document) == {
        "format", "url", "server", "began", "seconds", "requests", "exit_code", "problem", "counts", "clauses",
        "left_behind", "notes",
    }  # fmt: skip
    assert document["format"] == "cds-conformance/1"
    assert document["counts"] == {"skipped": 1, "passed": 2, "warned": 1, "failed": 1}
    assert document["exit_code"] == 1
    failed = next(clause for clause in document["clauses"] if clause["status"] == "failed")
    assert set(failed) == {"id", "section", "level", "actor", "rule", "status", "reason", "checks"}
    assert failed["rule"] == load_clauses()["WG1-02-4.2-03"].summary
    assert set(failed["checks"][0]) == {"name", "title", "status", "reason", "milliseconds", "evidence"}
    assert set(failed["checks"][0]["evidence"][0]) == {
        "method", "url", "request_headers", "request_body", "status", "answer_headers", "answer_body", "problem",
        "milliseconds",
    }  # fmt: skip
    assert document["left_behind"] == [{"client_id": "abc123", "purpose": "the main one"}]


def test_json_of_a_run_that_could_not_begin_says_why():
    document = json.loads(json_document(no_report()))

    assert (document["exit_code"], document["problem"], document["clauses"]) == (2, "Nothing is there.", [])


def test_junit_has_a_suite_for_each_section_and_a_case_for_each_clause():
    root = ET.fromstring(junit_document(full_report()))  # noqa: S314 -- written by us

    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == [
        "WG1-01-3.2 Metadata Object Format",
        "WG1-01-3.3 Metadata Endpoint Organization",
        "WG1-02-4.2 Client Registration Response",
        "WG1-02-10 Extensions",
        "RFC8414-2",
    ]
    (failed,) = suites["WG1-02-4.2 Client Registration Response"]
    failure = failed.find("failure")
    assert failed.get("name").startswith("WG1-02-4.2-03 ")
    assert failure.get("message") == "scope is 'x', not 'cds_client_admin'"
    assert "POST https://utility.example/oauth/register" in failure.text
    assert failure.text.count("POST https://") == 1
    assert "HTTP 200 (12 ms)" in failure.text
    assert suites["WG1-02-4.2 Client Registration Response"].get("failures") == "1"
    assert suites["WG1-02-10 Extensions"][0].find("skipped").get("message") == "a permission"
    assert "warning: related_metadata is odd" in root.find(".//system-out").text
    assert len(root.findall(".//testcase")) == 5


def test_junit_of_a_run_that_could_not_begin_has_an_error():
    root = ET.fromstring(junit_document(no_report()))  # noqa: S314 -- written by us

    assert root.find(".//error").get("message") == "Nothing is there."


def test_the_terminal_shows_what_is_wrong_with_request_answer_and_rule_and_a_table():
    text = printed(full_report())

    assert "FAILED WG1-02-4.2-03  MUST" in text
    assert "scope is 'x', not 'cds_client_admin'" in text
    assert "> POST https://utility.example/oauth/register" in text
    assert "< HTTP 200 (12 ms)" in text
    assert "WARNED WG1-01-3.3-01" in text
    assert "< no answer: no complete answer within 20 seconds" in text
    assert "a permission" not in text
    assert "4.2    Client Registration Response" in " ".join(text.split("\n"))
    assert "Utility & Sons <North>: 42 requests in 3.5 seconds." in text
    assert "abc123  the main one" in text


def test_the_terminal_tells_why_clauses_are_skipped_when_asked():
    assert "skipped WG1-02-10-01  a permission" in printed(full_report(), verbose=True)


def test_the_terminal_of_a_run_that_could_not_begin_says_why_and_no_more():
    assert printed(no_report()).strip() == "Nothing is there."


def test_the_page_has_every_clause_with_its_rule_and_can_be_linked():
    page = html_page(full_report())

    for result in full_report().results:
        assert f'id="{result.clause.id}"' in page
    assert page.count("<details") == 5
    assert 'href="#only-failed"><b>1</b> failed' in page
    assert "Utility &amp; Sons &lt;North&gt;" in page
    assert ">a permission<" in page


def test_the_page_needs_no_script_and_nothing_from_elsewhere_and_runs_nothing_of_the_server():
    page = html_page(full_report())

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for reference in ("src=", "@import", "url(", "<link"):
        assert reference not in page


def test_the_page_is_valid_html():
    require_valid(html_page(full_report()))
    require_valid(html_page(no_report()))


def test_a_run_that_fails_exits_with_1_and_one_that_only_warns_with_0():
    report = full_report()
    failed, others = [], []
    for result in report.results:
        (failed if result.status is Status.FAILED else others).append(result)

    assert report.exit_code == 1
    assert type(report)(url=report.url, began=report.began, results=tuple(others)).exit_code == 0
    assert no_report().exit_code == 2


def test_every_section_of_the_two_specifications_has_a_title():
    keys = {section_key(clause) for clause in load_clauses().values()}

    assert {key for key in keys if key.startswith("WG1")} <= titles().keys()
    assert {key.partition("-")[0] for key in keys if key.startswith("RFC")} <= titles().keys()
