"""The words by which registrations are found."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from app.store.words import MAX_TERMS, MAX_WORD_LENGTH, MAX_WORDS, changed_words, terms_of, words_of
from tests.factories import NOW, make_client, make_message
from tests.store.directories import make_registration

RID = "3f8kq2zzzzzzzz"


def words(**fields: Any) -> set[str]:
    return set(words_of(make_registration(RID, **fields))) - {RID}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Meadow Software", {"meadow", "software"}),
        ("Müller & Söhne GmbH", {"muller", "sohne", "gmbh"}),
        ("Straße", {"strasse"}),
        ("ΟΔΟΣ", {"οδοσ"}),
        ("\uff26\uff55\uff4c\uff4c width \u2460", {"full", "width", "1"}),
        ("snake_case-and/or O'Neill", {"snake", "case", "and", "or", "o", "neill"}),
        ("Acme Inc.", {"acme", "inc"}),
        ("A.B.C.", {"a.b.c", "a", "b", "c"}),
        ("電力 会社", {"電力", "会社"}),
        ("https://www.Meadow.example:8443/privacy?x=1", {"www.meadow.example", "meadow"}),
        ("Security.Team@mail.meadow.example", {"security.team@mail.meadow.example", "security", "team"}
         | {"mail.meadow.example", "mail", "meadow"}),
        ("(ops@meadow.example),", {"ops@meadow.example", "ops", "meadow.example", "meadow"}),
        ("  \n\t \x00 -- ", set()),
        ("x" * 100, {"x" * MAX_WORD_LENGTH}),
    ],
)  # fmt: skip
def test_texts_fall_into_words(text: str, found: set[str]) -> None:
    assert words(client_metadata={"client_name": text}) == found


def test_words_come_from_the_name_contacts_addresses_and_field_values() -> None:
    registration = make_registration(
        RID,
        client_metadata={
            "client_name": "Meadow",
            "contacts": ["ops@grass.example"],
            "client_uri": "https://hay.example/",
            "client_name#de": "Wiese",
        },
        field_values={"cds_company_name": "Barn", "cds_size": 5, "cds_open": True, "cds_more": {"city": ["Bern"]}},
    )

    found = words_of(registration)

    assert found[0] == RID
    assert {"meadow", "ops", "grass", "hay", "wiese", "barn", "bern"} <= set(found)
    assert not {"5", "true", "cds"} & set(found)


def test_nobody_brings_more_words_than_anybody_needs() -> None:
    assert len(words_of(make_registration(RID, field_values={"a": [f"w{n}" for n in range(1000)]}))) == MAX_WORDS


def test_only_registrations_and_client_objects_have_words() -> None:
    assert words_of(make_message(RID)) == []
    client = make_client(RID, client_name="Meadow", extra={"cds_company_name": "Barn"})
    assert words_of(client) == ["meadow", "barn"]
    assert words_of(replace(client, client_name=RID)) == ["barn"]


def test_a_client_object_has_words_of_its_own_once_they_change() -> None:
    old = make_client(RID, client_name="Meadow")
    assert changed_words(replace(old, cds_modified=NOW + timedelta(days=1)), old) is None
    assert changed_words(replace(old, client_name="Barn"), old) == ["barn"]


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("", []),
        ("  ,. ", []),
        ("Mead SOFT", ["mead", "soft"]),
        ("Mül", ["mul"]),
        ("mead mead", ["mead"]),
        ("O'Neill", ["o", "neill"]),
        ("Ops@Meadow.ex", ["ops@meadow.ex"]),
        ("meadow.exam", ["meadow.exam"]),
        ("https://www.meadow.example/privacy", ["www.meadow.example"]),
        (RID, [RID]),
        (f"{RID}-m4k5 mead", [RID, "mead"]),
        (f"https://utility.example/cds-api/v1/grants/{RID}-g4k5", [RID]),
        (RID.upper() + "-1", [RID]),
        ("x" * 100, ["x" * MAX_WORD_LENGTH]),
        (" ".join(f"w{n}" for n in range(100)), [f"w{n}" for n in range(MAX_TERMS)]),
    ],
)
def test_a_search_is_beginnings_of_words(query: str, terms: list[str]) -> None:
    assert terms_of(query) == terms
