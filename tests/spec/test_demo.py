"""`cds-server demo` gets through a Client's whole life with nothing but the URL of a server."""

import re
from collections.abc import Iterator

import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.demo.narrator import Document, Unexpected, object_of
from app.demo.samples import pdf, plausible, png
from app.demo.shown import pretty
from app.domain import field_files
from tests.live_server import live_server

CHAPTERS = (
    "Discovery",
    "Registration",
    "An access token",
    "What the registration created",
    "A token for data, and its end",
    "A redirect URI",
    "A new secret, without a gap",
    "A step of the onboarding",
    "A question to the utility",
    "Grants",
    "Looking back",
)


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    with live_server(tmp_path_factory.mktemp("server")) as started:
        yield started


def play(*arguments: str, columns: int = 400) -> Result:
    return CliRunner().invoke(main, ["demo", *arguments], env={"COLUMNS": str(columns)})


@pytest.fixture(scope="module")
def played(url) -> Result:
    return play(url)


def test_a_whole_life_is_played_and_every_chapter_shown(played):
    assert played.exit_code == 0, played.output
    assert re.findall(r"^\d+\. (.*?) [─-]+$", played.output, re.MULTILINE) == list(CHAPTERS)


def test_what_a_token_of_a_closed_grant_and_a_revoked_one_open_is_shown(played):
    assert re.findall(r'"active": (\w+)', played.output) == ["true", "false", "false"]


def test_no_secret_and_no_token_is_shown_completely(played):
    assert played.output.count("cdscs_") > 5
    assert not re.search(r"cdscs_[\w-]{12}", played.output)
    assert not re.search(r"cdsat_\w{14}_[\w-]{8}", played.output)


def test_long_answers_are_cut_and_say_so(played):
    parts = re.split(r"^[<>] .*\n", played.output, flags=re.MULTILINE)

    assert max(part.count("\n") for part in parts) < 60
    assert (
        re.search(r'\{"client_id": "\w+", "scope": "cds_client_admin", "cds_status": "production", \.\.\.\}', parts[-1])
        is None
    )
    assert '"scope": "cds_client_admin", "cds_status": "production", ...}' in played.output


def test_the_url_of_the_metadata_document_is_as_good_as_that_of_the_server(url):
    assert play(f"{url}/.well-known/cds-server-metadata.json", columns=80).exit_code == 0


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("http://127.0.0.1:1", "does not answer"),
        ("http://127.0.0.1:port", "is not a URL"),
        ("127.0.0.1:8000", "is not a URL"),
        ("gopher://127.0.0.1", "is not a URL"),
    ],
)
def test_a_server_that_is_not_there_is_told_in_a_sentence(where, sentence):
    told = play(where)

    assert told.exit_code == 1
    assert told.stderr.startswith("cds-server: ")
    assert sentence in told.stderr
    assert "Traceback" not in told.output


def test_a_server_that_answers_something_else_is_told_in_a_sentence(url):
    told = play(f"{url}/nothing.json")

    assert told.exit_code == 1
    assert told.stderr == f"cds-server: GET {url}/nothing.json answered 404 where a Client expects 200.\n"


def test_an_answer_without_a_required_member_is_unexpected():
    answer = httpx.Response(200, content=b'{"clients": [{}]}', request=httpx.Request("GET", "http://x"))

    with pytest.raises(Unexpected, match="lacks client_id"):
        object_of(answer)["clients"][0]["client_id"]


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"null", b"\xff"])
def test_an_answer_that_is_no_json_object_is_unexpected(content):
    answer = httpx.Response(200, content=content, request=httpx.Request("GET", "http://x"))

    with pytest.raises(Unexpected, match="no JSON object"):
        object_of(answer)


def test_an_answer_without_a_body_is_an_empty_object():
    assert object_of(httpx.Response(204)) == Document()


def test_terminals_without_unicode_get_ascii():
    assert pretty({"name": "Ä"}, ascii_only=True).isascii()
    assert "Ä" in pretty({"name": "Ä"}, ascii_only=False)


def test_sample_files_are_what_servers_accept():
    assert field_files.image(png())
    assert field_files.pdf(pdf("Demo"))


@pytest.mark.parametrize("field_format", ["string", "url", "email", "boolean", "image", "pdf"])
def test_every_format_of_registration_fields_has_a_sample(field_format):
    assert plausible(field_format)
    assert plausible(f"{field_format}_or_null") is None
