"""`make audit` finds what is known, and never calls harmless what nobody knows anything about."""

import json
from pathlib import Path

import pytest

from tests.supply_chain.audit import NobodyKnowsError, audit, exit_status, node_locks, python_findings, run

LOCK = f"jinja2==3.1.6 \\\n    --hash=sha256:{'1' * 64}\nredis[hiredis]==8.1.0 \\\n    --hash=sha256:{'2' * 64}\n"
BAD = {"name": "jinja2", "version": "2.11.2", "vulns": [{"id": "PYSEC-2021-66"}]}
GOOD = [{"name": "jinja2", "version": "3.1.6", "vulns": []}, {"name": "redis", "version": "8.1.0", "vulns": []}]
CLEAN_NODE = {"auditReportVersion": 2, "vulnerabilities": {}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "requirements-image.lock").write_text(LOCK)
    for folder in ("tests/axe", "tests/axe/node_modules/deep"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "package-lock.json").write_text("{}")
    return tmp_path


class Databases:
    """What pip-audit and npm say; an exception instead of an answer is raised."""

    def __init__(self, probe, lock, node=CLEAN_NODE) -> None:
        self._answers = {"probe": probe, "lock": lock, "node": node}
        self.asked = []

    def __call__(self, command, _directory) -> str:
        last = str(command[-1])
        about = "node" if command[0] == "npm" else "lock" if last.endswith(".lock") else "probe"
        self.asked.append(about)
        answer = self._answers[about]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, str) else json.dumps(answer)


def told(*packages):
    return {"dependencies": list(packages), "fixes": []}


def judged(root, databases):
    lines = []
    status = audit(root, lines.append, databases)
    return status, lines


def test_a_database_that_knows_of_nothing_bad_is_content(root):
    status, lines = judged(root, Databases(told(BAD), told(*GOOD)))

    assert status == 0
    assert lines == [
        "Audited requirements-image.lock: nothing is known against it.",
        "Audited tests/axe/package-lock.json: nothing is known against it.",
    ]


def test_what_is_known_against_something_that_we_ship_fails(root):
    bad = {"name": "redis", "version": "8.1.0", "vulns": [{"id": "CVE-2026-1"}, {"id": "CVE-2026-2"}]}

    status, lines = judged(root, Databases(told(BAD), told(GOOD[0], bad)))

    assert status == 1
    assert lines[:2] == [f"VULNERABLE in requirements-image.lock: redis 8.1.0 (CVE-2026-{number})" for number in (1, 2)]


def test_an_advisory_that_was_judged_not_to_concern_us_fails_nothing(root, monkeypatch):
    monkeypatch.setattr("tests.supply_chain.audit.ACCEPTED", {"CVE-2026-1": "it is about Windows"})
    bad = {"name": "redis", "version": "8.1.0", "vulns": [{"id": "CVE-2026-1"}]}

    assert judged(root, Databases(told(BAD), told(GOOD[0], bad)))[0] == 0


@pytest.mark.parametrize(
    ("probe", "lock", "reason"),
    [
        (NobodyKnowsError("no network"), told(*GOOD), "no network"),
        (told({"name": "jinja2", "skip_reason": "not found"}), told(*GOOD), "no advisories there"),
        (told({**BAD, "vulns": []}), told(*GOOD), "no advisories there"),
        (told(), told(*GOOD), "no advisories there"),
        ("<html>", told(*GOOD), "no JSON"),
        ("[]", told(*GOOD), "no advisories there"),
        (told(BAD), NobodyKnowsError("it stopped half-way"), "it stopped half-way"),
        (told(BAD), told(GOOD[0], {"name": "redis", "skip_reason": "not found"}), "does not know redis"),
        (told(BAD), told(GOOD[0]), "does not know redis"),
    ],
)
def test_where_nobody_knows_the_audit_is_skipped_and_says_so_loudly(root, probe, lock, reason):
    status, lines = judged(root, Databases(probe, lock))

    assert status == 2
    assert lines[0].startswith(
        "AUDIT SKIPPED for requirements-image.lock: nobody here knows of vulnerabilities (pypi: "
    )
    assert reason in lines[0]
    assert "nothing is known" not in lines[0]
    assert exit_status(status, {}) == 0
    assert exit_status(status, {"AUDIT_REQUIRED": "1"}) == 2


def test_the_second_database_is_asked_when_the_first_one_knows_nothing(root):
    databases = Databases(NobodyKnowsError("away"), told(*GOOD))

    with pytest.raises(NobodyKnowsError, match="pypi: away; osv: away"):
        python_findings(root, databases)

    assert databases.asked == ["probe", "probe"]


def test_packages_of_tests_are_told_and_fail_nothing(root):
    known = {"auditReportVersion": 2, "vulnerabilities": {"axe-core": {"severity": "high", "range": "<5"}}}

    status, lines = judged(root, Databases(told(BAD), told(*GOOD), known))

    assert status == 0
    assert lines[1] == "VULNERABLE in tests/axe/package-lock.json: axe-core <5 (high)"


def test_a_registry_that_does_not_audit_is_told_once(root):
    answer = {"message": "405 Method Not Allowed - POST https://registry.example/advisories", "statusCode": 405}

    status, lines = judged(root, Databases(told(BAD), told(*GOOD), answer))

    assert exit_status(status, {}) == 0
    assert lines[1:] == [
        "AUDIT SKIPPED for the node packages of tests: nobody here knows of vulnerabilities (405 Method Not Allowed)."
    ]


def test_a_finding_in_what_we_ship_counts_whatever_else_is_not_known(root):
    bad = {"name": "redis", "version": "8.1.0", "vulns": [{"id": "CVE-2026-1"}]}

    status, _ = judged(root, Databases(told(BAD), told(GOOD[0], bad), NobodyKnowsError("no npm")))

    assert exit_status(status, {}) == 1


def test_a_program_that_is_not_there_or_says_nothing_knows_nothing(tmp_path):
    with pytest.raises(NobodyKnowsError, match="No such file"):
        run([tmp_path / "pip-audit"], tmp_path)
    with pytest.raises(NobodyKnowsError, match="out of order"):
        run(["sh", "-c", "echo a traceback >&2; echo out of order >&2"], tmp_path)
    with pytest.raises(NobodyKnowsError, match="says nothing"):
        run(["true"], tmp_path)
    assert run(["echo", "[]"], tmp_path) == "[]\n"


def test_every_lock_of_node_packages_is_audited(root):
    assert [str(one.relative_to(root)) for one in node_locks(root)] == ["tests/axe/package-lock.json"]
    assert len(node_locks(Path(__file__).parents[2])) >= 4
