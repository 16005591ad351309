"""What is stored of an object is what goes out, whatever it says and wherever we are found."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Struct
from msgspec.structs import replace

from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.documents import document_of
from app.schemas.encoding import encode
from app.schemas.messages import Message
from app.store.documents import Documents
from tests.factories import BASE, NOW, make_client, make_credential, make_message

DOCUMENTS = Documents(BASE)
MOVED = Documents("https://moved.example/cds")

CLIENT = replace(
    make_client("3fmarks0000000-1"),
    redirect_uris=[f"{BASE}/oauth/receipt"],
    response_types=["code"],
    grant_types=["authorization_code", "refresh_token"],
    token_endpoint_auth_method="client_secret_basic",
    cds_client_uri=f"{BASE}/cds-api/v1/clients/3fmarks0000000-1",
    cds_server_metadata=f"{BASE}/.well-known/cds-server-metadata.json",
    cds_default_scope="usage",
    cds_default_redirect_uri=f"{BASE}/oauth/receipt",
    cds_default_authorization_details=[],
)
OBJECTS: list[Struct] = [CLIENT, make_message("3fmarks0000000"), make_credential("3fmarks0000000-1")]


@pytest.mark.parametrize("item", OBJECTS, ids=lambda one: type(one).__name__)
def test_what_is_stored_is_smaller_and_goes_out_as_it_was(item: Struct) -> None:
    stored = DOCUMENTS.pack(item)

    assert json.loads(DOCUMENTS.expand(type(item), stored)) == json.loads(encode(_shown(item)))
    assert len(stored) < 0.75 * len(encode(_shown(item)))


@pytest.mark.parametrize("item", OBJECTS, ids=lambda one: type(one).__name__)
def test_what_was_stored_without_marks_by_an_earlier_version_is_read_as_well(item: Struct) -> None:
    plain = encode(_shown(item))

    assert DOCUMENTS.expand(type(item), plain) == plain
    assert DOCUMENTS.unpack(type(item), plain) == DOCUMENTS.unpack(type(item), DOCUMENTS.pack(item))


def test_our_urls_follow_when_we_move() -> None:
    document = MOVED.expand(Client, DOCUMENTS.pack(CLIENT))

    assert BASE.encode() not in document
    assert json.loads(document)["redirect_uris"] == ["https://moved.example/cds/oauth/receipt"]
    assert json.loads(document)["cds_server_metadata"].startswith("https://moved.example/cds/.well-known/")


@given(
    text=st.text() | st.sampled_from(["\x01\x02\x03\x04\x05\x06\x07", '","uri":"', '\\","read":false,"creator":null,"'])
)
def test_no_text_of_a_message_is_taken_for_a_mark(text: str) -> None:
    message = replace(make_message("3fmarks0000000"), name=text, description=text)

    assert DOCUMENTS.unpack(Message, DOCUMENTS.pack(message)) == message


@given(text=st.text() | st.sampled_from(["\x02", '"response_types":["code"],', '"],"cds_server_metadata":"']))
def test_no_text_of_a_client_object_is_taken_for_a_mark(text: str) -> None:
    client = replace(CLIENT, client_name=text, contacts=[text], extra={"cds_note": text, text: text})

    assert DOCUMENTS.unpack(Client, DOCUMENTS.pack(client)).client_name == text
    assert DOCUMENTS.unpack(Client, DOCUMENTS.pack(client)).contacts == [text]


def _shown(item: Struct) -> object:
    return document_of(replace(item, client_secret=UNSET) if isinstance(item, Credential) else item)


def test_many_objects_are_read_as_each_of_them_is() -> None:
    messages = [replace(make_message("3fmarks0000000"), created=NOW) for _ in range(3)]
    stored = [DOCUMENTS.pack(one) for one in messages]

    assert DOCUMENTS.expand(Message, b",".join(stored)) == b",".join(DOCUMENTS.expand(Message, one) for one in stored)
