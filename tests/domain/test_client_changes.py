"""Whatever a Client puts into a PUT or a PATCH, the rules accept it or refuse it, and never stumble."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.client_changes import SERVER_SET, is_same, read_update
from app.domain.client_values import mismatches, with_fields
from app.domain.credentials import LATEST, require_acceptable
from app.domain.records import Wanted
from app.errors import InvalidRequest, Refusal
from app.schemas.clients import Client
from app.schemas.documents import document_of
from app.schemas.encoding import decode, encode
from app.schemas.registrations import Registration
from tests.conftest import Server

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)

scalars = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text()
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
likely = st.sampled_from(
    ["ple_customer_data", "", " ", "disabled", "sandbox", "https://a.example/", "P1Y", "x" * 20_000, "a\u2028b", 0, []]
)
entries = st.lists(st.dictionaries(st.sampled_from(["type", "start_date", "interval", "x"]), likely | scalars))


async def test_a_put_of_anything_is_read_or_refused(server: Server) -> None:
    """And when it is read, the defaults of the outcome lie within what they default."""
    registered = await server.register("cds_client_admin ple_customer_data")
    code, registration = await server.context.records.load(
        registered.access,
        Wanted(Client, f"{registered.client_id}-1"),
        Wanted(Registration, registered.registration_id),
    )
    assert code
    assert registration
    present: dict[str, Any] = decode(encode(document_of(code.object)))
    names = [*present, "logo_uri", "tos_uri", "client_name#de", "software_id", "cds_company_logo", "cds_modified"]

    @settings(max_examples=300, deadline=None)
    @given(st.dictionaries(st.sampled_from(names), likely | anything | entries), st.booleans())
    def check(changes: dict[str, Any], whole: bool) -> None:
        submitted = present | changes if whole else changes
        with suppress(Refusal):
            update = read_update(server.context, code, registration.object, submitted, now=NOW)
            assert not set(update.fields) & set(SERVER_SET)
            new = with_fields(server.context.catalog, code.object, update.fields, NOW)
            assert mismatches(new) == []
            again = document_of(new)
            assert all(is_same(again[name], value) for name, value in update.fields.items() if name in again)

    check()


@given(anything | st.integers(-(10**20), 10**20), st.sampled_from([0, 1, 1780315200, 1780315260, LATEST]))
def test_an_expiry_that_is_accepted_is_never_later_nor_long_past(submitted: Any, current: int) -> None:
    """0 counts as later than everything."""
    try:
        accepted = require_acceptable(submitted, current, NOW)
    except InvalidRequest:
        return

    assert type(accepted) is int
    assert accepted == current or NOW.timestamp() - 30 <= accepted <= (current or LATEST)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, True, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        ("", None, False),
    ],
)
def test_values_are_the_same_when_their_json_is(one: Any, other: Any, same: bool) -> None:
    """Types count, the order of members does not."""
    assert is_same(one, other) is same
