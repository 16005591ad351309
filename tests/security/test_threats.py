"""The page about security cannot promise what no test shows."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from app.docs.security import read_model
from app.domain.documentation import SECURITY_PATH
from app.settings import TABLE
from tests.conftest import Server
from tests.html_pages import View
from tests.security.proofs import node_ids

ROOT = Path(__file__).parents[2]
MODEL = read_model()
THREATS = {threat.id: threat for threat in MODEL.threats}
TEXTS = [text for one in MODEL.threats for text in (one.title, one.danger, one.against, one.remains)] + [
    text
    for several in (MODEL.duties, MODEL.assets, MODEL.actors, MODEL.boundaries, MODEL.practices)
    for one in several
    for text in (getattr(one, name) for name in one.__struct_fields__)
    if isinstance(text, str)
]


@cache
def collected(path: str) -> dict[str, str]:
    """The functions of a file that pytest would collect, those of classes too, with their marks."""
    found: dict[str, str] = {}
    for one in ast.parse((ROOT / path).read_bytes()).body:
        classes = [(f"{one.name}::", part) for part in one.body] if isinstance(one, ast.ClassDef) else [("", one)]
        for prefix, part in classes:
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and part.name.startswith("test_"):
                found[prefix + part.name] = " ".join(map(ast.unparse, part.decorator_list))
    return found


@pytest.mark.parametrize("threat", MODEL.threats, ids=lambda threat: threat.id)
def test_every_test_that_a_threat_names_is_there(threat) -> None:
    assert threat.tests
    for path, names in threat.tests.items():
        assert Path(path).name.startswith("test_"), path
        assert names, path
        assert set(names) <= collected(path).keys(), path
        assert not [name for name in names if re.search(r"mark\.(skip|xfail)", collected(path)[name])], path


def test_no_threat_and_no_test_of_it_is_there_twice() -> None:
    assert max(Counter(threat.id for threat in MODEL.threats).values()) == 1
    for threat in MODEL.threats:
        assert max(Counter(threat.node_ids).values()) == 1, threat.id


def test_what_is_asked_for_elsewhere_leads_to_threats() -> None:
    named = [one for several in (MODEL.practices, MODEL.duties) for entry in several for one in entry.threats]

    assert set(named) <= THREATS.keys()
    assert all(entry.threats for several in (MODEL.practices, MODEL.duties) for entry in several)


def test_every_section_of_the_practices_that_asks_for_something_is_there_once() -> None:
    sections = [practice.section for practice in MODEL.practices]

    assert sections == sorted(sections, key=lambda one: [int(part) for part in one.split(".")])
    assert {"2.1", "2.1.1", "2.1.2", "2.2", "2.3", "2.4", "2.5", "2.6"} <= set(sections)
    assert {f"4.{number}" for number in range(1, 18)} == {one for one in sections if one.startswith("4.")}


def test_every_setting_that_the_model_names_exists() -> None:
    named = {one for text in TEXTS for one in re.findall(r"\bCDS_[A-Z_]+\b", text)}

    assert len(named) > 10
    assert named <= {setting.name for setting in TABLE}


def test_marks_of_code_come_in_pairs() -> None:
    assert [text for text in TEXTS if text.count("`") % 2] == []


async def test_the_page_has_all_of_it(server: Server) -> None:
    view = View(await server.http.get(SECURITY_PATH))
    ids = [value for name, value in view.attributes if name == "id"]

    assert THREATS.keys() <= set(ids)
    for threat in MODEL.threats:
        assert threat.title in view.text
        assert all(name in view.text for names in threat.tests.values() for name in names), threat.id
    assert "`" not in view.text
    assert "Boundaries of trust" in view.text


async def test_the_page_is_found_among_those_for_the_engineers_of_the_utility(server: Server) -> None:
    view = View(await server.http.get("/docs/gateways"))

    assert view.links["Security"]["href"].endswith(SECURITY_PATH)


def test_the_tests_of_some_threats_can_be_run() -> None:
    assert node_ids(["isolation"]) == THREATS["isolation"].node_ids
    assert set(node_ids([])) == {one for threat in MODEL.threats for one in threat.node_ids}
    with pytest.raises(SystemExit, match="no such threat: nonsense"):
        node_ids(["nonsense"])
