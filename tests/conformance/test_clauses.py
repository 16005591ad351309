"""The clause list is complete and consistent, and each clause is in scope or has a reason not to be."""

import re
from importlib.resources import files

import pytest

from app.conformance.clauses import Exclusion, excluded, load_clauses, load_exclusions

ID = re.compile(r"(WG1-0[12]|RFC\d{4})-[1-9][\d.]*-\d\d")


def test_every_clause_has_an_id_that_says_its_section():
    for clause in load_clauses().values():
        assert ID.fullmatch(clause.id)
        assert clause.id.split("-")[-2] == clause.section


def test_no_clause_is_listed_twice():
    text = files("app.conformance").joinpath("clauses.yaml").read_text(encoding="utf-8")

    assert text.count("\n- id: ") == len(load_clauses())


def test_the_scope_names_existing_clauses_once_each():
    assert excluded(load_clauses(), load_exclusions())


def test_every_group_out_of_scope_has_a_reason():
    for exclusion in load_exclusions():
        assert exclusion.reason.endswith(".")
        assert bool(exclusion.actor) != bool(exclusion.clauses)


def test_what_nobody_can_test_is_out_of_scope_unless_we_found_a_way():
    outside = excluded(load_clauses(), load_exclusions())
    inside = {clause.id for clause in load_clauses().values() if clause.kind == "not_testable"} - set(outside)

    assert inside == {"RFC6749-10.10-01"}  # the length and alphabet of what we generate can be counted


def test_an_unknown_clause_in_the_scope_is_refused():
    with pytest.raises(ValueError, match=r"x: there is no clause 'WG1-02-4.2-70'; did you mean WG1-02-4.2-"):
        excluded(load_clauses(), [Exclusion("x", "why", clauses=("WG1-02-4.2-70",))])


def test_a_clause_in_two_groups_is_refused():
    with pytest.raises(ValueError, match="is in x and in y"):
        excluded(
            load_clauses(),
            [
                Exclusion("x", "why", clauses=("WG1-02-4.2-07",)),
                Exclusion("y", "why", clauses=("WG1-02-4.2-07",)),
            ],
        )
