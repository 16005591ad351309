"""Hooks for whoever acts for a server: ours by the operator API, and those that others bring."""

import sys
from types import ModuleType

import httpx
import pytest
from click.testing import CliRunner

from app.conformance import Skipped
from app.conformance.command import OPERATOR_KEY, base_of, conformance, operator_of
from app.conformance.operator_api import OperatorApi, load_operator

GIVEN = {
    "url": "https://utility.example/.well-known/cds-server-metadata.json",
    "operator": "",
    "operator_url": "",
    "operator_key": "",
    "operator_user": None,
    "insecure": False,
    "ca_file": None,
}


class Staff:
    """Hooks that note how they were made."""

    def __init__(self, url: str, key: str) -> None:
        self.made_with = (url, key)


@pytest.fixture
def hooks(monkeypatch):
    module = ModuleType("hooks_of_others")
    module.Staff = Staff
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.__name__


def test_hooks_of_others_are_made_with_the_url_and_the_key(hooks):
    made = load_operator(f"{hooks}:Staff", "https://utility.example", "key")

    assert made.made_with == ("https://utility.example", "key")


@pytest.mark.parametrize(
    ("named", "told"),
    [("no_colon", "module:Class"), ("no_such_module:Staff", "cannot be imported"), ("json:Staff", "json has no Staff")],
)
def test_hooks_that_are_not_there_are_told(named, told):
    with pytest.raises(ValueError, match=told):
        load_operator(named, "https://utility.example", "")


def test_without_a_key_nobody_acts_for_the_server():
    assert operator_of(GIVEN) is None


def test_the_operator_api_is_beside_the_metadata_unless_said_otherwise(hooks):
    assert isinstance(operator_of(GIVEN | {"operator_key": "k"}), OperatorApi)
    assert operator_of(GIVEN | {"operator": f"{hooks}:Staff"}).made_with == ("https://utility.example", "")
    assert base_of("utility.example") == "https://utility.example"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--operator-url", "http://127.0.0.1:1"], f"--operator-key or {OPERATOR_KEY} is missing"),
        (["--operator-user", "nobody"], "it has to be of the form NAME:PASSWORD"),
        (["--operator", "nothing"], "is not of the form module:Class"),
    ],
)
def test_options_that_do_not_fit_are_told(arguments, told):
    ended = CliRunner().invoke(conformance, ["http://127.0.0.1:1", *arguments], env={OPERATOR_KEY: ""})

    assert ended.exit_code == 2
    assert told in " ".join(ended.output.split())


async def test_what_the_operator_api_refuses_skips_the_check_with_the_reason(server):
    staff = OperatorApi(server.settings.public_url, "wrong", transport=httpx.ASGITransport(app=server.service))
    with pytest.raises(Skipped, match="the operator API answers 401 to POST"):
        await staff.make_grant("somebody", {"scope": "x"})
    with pytest.raises(Skipped, match="needs a test user"):
        await staff.authorize("https://utility.example/oauth/authorize")
    with pytest.raises(Skipped, match="suspended in this run"):
        await staff.reinstate("somebody")
    await staff.close()
