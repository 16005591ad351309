import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import msgspec
import pytest

from app.conformance import Need, Options, Outcome, Session, Skipped, Status, Violated, run
from app.conformance.checks import Check, check, load_checks
from app.conformance.clauses import load_clauses
from tests.conformance.paper import BASE, METADATA, WELL_KNOWN, Dripping, metadata_after, paper, says, utility
from tests.patience import SECONDS

MUST, SHOULD, MAY = "WG1-01-3.2-01", "WG1-01-8.2-01", "WG1-01-3.2-09"


def one(function, *clauses, **how):
    return Check(clauses or (MUST,), function, **how)


async def passes(session):
    await session.server_metadata()


async def violates(session):
    raise Violated("it does not")


async def asks(session):
    await session.wire.get(f"{BASE}/", headers={"Authorization": "Bearer very-secret-token"})
    raise Violated("it answers wrongly")


async def results_of(*checks, transport=None, **options):
    report = await run(BASE, Options(**options), transport=transport or utility(), checks=checks)
    assert not report.problem
    return {result.clause.id: result for result in report.results}


async def test_a_dead_server_cannot_be_checked():
    report = await run("http://127.0.0.1:1")

    assert (report.exit_code, report.results) == (2, ())
    assert "http://127.0.0.1:1/.well-known/cds-server-metadata.json: no connection" in report.problem


@pytest.mark.parametrize("url", ["", "ftp://utility.example", "http://", "http://[", "https://a b"])
async def test_what_is_no_url_cannot_be_checked(url):
    report = await run(url, transport=utility())

    assert report.exit_code == 2
    assert "is no URL such as https://utility.example" in report.problem


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (says(404), "answers 404"),
        (says(200, html="<h1>Welcome</h1>"), "a body that is not JSON"),
        (says(200, json=[1, 2]), "JSON that is no object"),
        (says(200, json={"hello": "world"}), "but it is no CDS server metadata object"),
        (says(200, content=b"[" * 100_000), "a body that is not JSON"),
        (says(200, content=b"\xff\xfe"), "a body that is not JSON"),
        (says(302, headers={"Location": WELL_KNOWN}), "more than 5 redirects"),
        (metadata_after(3600), "no complete answer within 0.2 seconds"),
        (says(200, stream=Dripping(b" ", 0.05)), "no complete answer within 0.2 seconds"),
        (says(200, stream=Dripping(b" " * 50_000, 0)), "an answer of more than 100000 bytes"),
        (says(200, content=b"no gzip", headers={"Content-Encoding": "gzip"}), "no valid HTTP answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_server_that_is_no_cds_server_is_called_that(answer, told):
    options = Options(request_seconds=0.2 if "0.2 seconds" in told else SECONDS, answer_bytes=100_000)

    report = await run(BASE, options, transport=paper({WELL_KNOWN: answer}))

    assert report.exit_code == 2
    assert report.problem.startswith("No CDS server was found at https://utility.example: ")
    assert told in report.problem


@pytest.mark.parametrize("given", [BASE, f"{BASE}/", "utility.example", f"{BASE}{WELL_KNOWN}", f"{BASE}/some/page"])
async def test_a_server_is_found_from_its_base_url_or_that_of_its_metadata(given):
    report = await run(given, transport=utility(), checks=())

    assert (report.problem, report.url, report.server) == ("", BASE + WELL_KNOWN, "Paper Utility")


async def test_metadata_may_be_below_a_path():
    transport = paper({f"/cds{WELL_KNOWN}": says(200, json=METADATA)})

    assert (await run(f"{BASE}/cds", transport=transport, checks=())).url == f"{BASE}/cds{WELL_KNOWN}"


async def test_a_server_with_metadata_alone_is_judged_by_that_and_the_rest_is_skipped():
    report = await run(BASE, transport=utility())

    failed = [(result.clause.id, result.reason) for result in report.results if result.status is Status.FAILED]
    assert failed == []
    assert report.exit_code == 0
    assert report.count(Status.PASSED) > 12
    registration = next(result for result in report.results if result.clause.id == "WG1-02-4.2-03")
    assert registration.status is Status.SKIPPED
    assert "the server does not offer registration" in registration.reason


async def test_metadata_with_another_status_of_success_is_found_and_judged():
    report = await run(BASE, transport=paper({WELL_KNOWN: says(203, json=METADATA), "/": says(text="")}))

    assert {result.clause.id for result in report.results if result.status is Status.FAILED} >= {"WG1-01-3-02"}


async def test_every_clause_is_in_the_report_in_the_order_of_the_documents():
    report = await run(BASE, transport=utility(), checks=())

    assert [result.clause for result in report.results] == list(load_clauses().values())
    assert all(result.status is Status.SKIPPED and result.reason for result in report.results)


async def test_a_violated_must_fails_and_anything_else_warns():
    results = await results_of(one(violates, MUST, SHOULD, MAY))

    assert [results[clause].status for clause in (MUST, SHOULD, MAY)] == [Status.FAILED, Status.WARNED, Status.WARNED]
    assert results[MUST].reason == "it does not"


async def test_a_check_may_be_less_strict_than_its_clause():
    assert (await results_of(one(violates, level="SHOULD")))[MUST].status is Status.WARNED


async def test_the_worst_of_several_checks_counts():
    results = await results_of(one(passes), one(violates), one(passes))

    assert results[MUST].status is Status.FAILED
    assert len(results[MUST].checks) == 3


async def test_a_check_that_breaks_fails_and_ends_nothing():
    async def breaks(session):
        return {}["missing"]

    results = await results_of(one(breaks, MUST), one(passes, MAY))

    assert results[MUST].status is Status.FAILED
    assert "broke off with KeyError: 'missing'" in results[MUST].reason
    assert results[MAY].status is Status.PASSED


async def test_a_check_may_skip_and_may_give_an_outcome():
    async def skips(session):
        raise Skipped("there is nothing to see")

    async def warns(session):
        return Outcome(Status.WARNED, "strange")

    results = await results_of(one(skips, MUST), one(warns, MAY))

    assert (results[MUST].status, results[MUST].reason) == (Status.SKIPPED, "there is nothing to see")
    assert (results[MAY].status, results[MAY].reason) == (Status.WARNED, "strange")


async def test_the_last_exchange_is_the_evidence_and_shows_no_secret():
    (check_result,) = (await results_of(one(asks)))[MUST].checks
    (exchange,) = check_result.outcome.evidence

    assert (exchange.method, exchange.url, exchange.status) == ("GET", f"{BASE}/", 200)
    assert ("authorization", "Bearer ...") in exchange.request_headers
    assert exchange.answer_body == "<p>Hello</p>"
    assert "very-secret" not in repr(exchange)


@pytest.mark.parametrize(
    ("need", "told"),
    [
        (Need.PERSON, "needs a person"),
        (Need.OPERATOR, "needs somebody who acts for the server"),
        (Need.REGISTRATION, "this run only reads"),
        (Need.SECOND_REGISTRATION, "this run only reads"),
    ],
)
async def test_what_a_check_lacks_is_told(need, told):
    results = await results_of(one(violates, needs=frozenset({need})), register=False)

    assert results[MUST].status is Status.SKIPPED
    assert told in results[MUST].reason


async def test_what_cannot_be_had_is_asked_for_once_and_skips_whatever_builds_on_it():
    asked = []

    async def builds(session: Session):
        async def make():
            asked.append(1)
            raise Violated("there is none")

        await session.once("thing", make)

    results = await results_of(one(builds, MUST), one(builds, MAY))

    assert len(asked) == 1
    assert {results[clause].status for clause in (MUST, MAY)} == {Status.SKIPPED}
    assert results[MAY].reason == "there is none"


async def test_when_its_time_is_over_a_run_skips_what_is_left():
    async def dawdles(session):
        await asyncio.sleep(5)

    results = await results_of(one(dawdles, MUST), one(passes, MAY), run_seconds=0.3)

    assert {results[clause].status for clause in (MUST, MAY)} == {Status.SKIPPED}
    assert results[MAY].reason == "the time limit of 0.3 seconds for the run was reached"


@pytest.mark.parametrize("wait", ["0", lambda: format_datetime(datetime.now(UTC) - timedelta(seconds=5), usegmt=True)])
async def test_a_server_that_asks_for_a_pause_gets_it(wait):
    answers = [httpx.Response(429, headers={"Retry-After": wait if isinstance(wait, str) else wait()})]

    async def is_patient(session):
        answer = await session.wire.get(f"{BASE}/busy")
        assert answer.status == 200

    transport = paper(
        {WELL_KNOWN: says(json=METADATA), "/busy": lambda _: answers.pop() if answers else httpx.Response(200)}
    )

    assert (await results_of(one(is_patient), transport=transport))[MUST].reason == ""
    assert not answers


@pytest.mark.parametrize("wait", ["86400", "soon", ""])
async def test_a_pause_that_is_too_long_or_not_told_is_an_answer(wait):
    async def is_told(session):
        answer = await session.wire.get(f"{BASE}/busy")
        assert answer.status == 429

    transport = paper({WELL_KNOWN: says(json=METADATA), "/busy": says(429, headers={"Retry-After": wait})})

    assert (await results_of(one(is_told), transport=transport))[MUST].reason == ""


async def test_nothing_that_a_server_says_commands_a_terminal():
    async def repeats(session):
        answer = await session.wire.get(f"{BASE}/")
        raise Violated(answer.content.decode(), answer)

    evil = "\x1b]0;owned\x07 \x9b31m \u202e \x00"
    transport = paper(
        {WELL_KNOWN: says(json={**METADATA, "name": evil}), "/": says(text=evil, headers={"X": "a\x1b[1m"})}
    )
    report = await run(BASE, transport=transport, checks=[one(repeats)])

    assert report.count(Status.FAILED) == 1
    assert not any(mark in str(msgspec.to_builtins(report)) for mark in ("\\x1b", "\\x9b", "\\u202e", "\\x00"))
    assert "]0;owned" in report.server


async def test_progress_is_told_before_and_after_each_check():
    told = []
    checks = [one(passes), one(violates, MAY)]

    await run(BASE, transport=utility(), checks=checks, progress=told.append)

    assert [(step.done, step.total, step.outcome and step.outcome.status) for step in told] == [
        (0, 2, None),
        (1, 2, Status.PASSED),
        (1, 2, None),
        (2, 2, Status.FAILED),
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(documents=("RFC8414",)), {"RFC8414-2-01", "RFC8414-3.2-01", "RFC8414-3.3-01"}),
        (Options(sections=("WG1-01-3.1",)), {"WG1-01-3.1-01", "WG1-01-3.1-02"}),
        (Options(sections=("3.10",)), {"WG1-02-3.10-01", "WG1-02-3.10-02"}),
        (Options(clause_ids=("RFC8414-2-01",)), {"RFC8414-2-01"}),
        (Options(clause_ids=("RFC8414-2-01",), sections=("3",)), set()),
    ],
)
async def test_a_run_may_be_about_some_clauses_alone(options, expected):
    report = await run(BASE, options, transport=utility())

    assert {result.clause.id for result in report.results} == expected


def test_a_section_takes_along_those_below_it():
    clauses = [clause for clause in load_clauses().values() if Options(sections=("WG1-02-3.3",)).wants(clause)]

    assert {clause.section for clause in clauses} == {"3.3", "3.3.1", "3.3.2", "3.3.3"}


def test_a_check_names_clauses_that_exist():
    with pytest.raises(ValueError, match="did you mean WG1-01-3"):
        check("WG1-01-3.2-99")
    with pytest.raises(ValueError, match="there is no clause ''"):
        check()


def test_checks_run_by_stage_and_then_as_the_documents_have_them():
    places = {clause: place for place, clause in enumerate(load_clauses())}
    order = [(one.stage, min(places[clause] for clause in one.clause_ids)) for one in load_checks()]

    assert order == sorted(order)
    assert len(order) > 150


def test_every_check_has_a_name_of_its_own_and_says_what_it_is_about():
    names = [one.name for one in load_checks()]

    assert len(names) == len(set(names))
    assert all(one.function.__doc__ for one in load_checks())
