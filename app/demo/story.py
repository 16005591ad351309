"""The chapters of a Client's life, each a few requests and a word about why."""

import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

import httpx
from rich.console import Console

from app.demo.narrator import Caller, Document, Narrator, Unexpected
from app.demo.samples import pdf, registration_fields

METADATA_PATH: Final = "/.well-known/cds-server-metadata.json"
ADMIN: Final = "cds_client_admin"
CALLBACK: Final = "https://client.example/callback"
TIMEOUT_SECONDS: Final = 15.0


@dataclass
class Journey:
    """What the Client knows by now."""

    narrator: Narrator
    metadata: Document
    registered: Document = field(default_factory=Document)
    admin: Caller = field(default_factory=Caller)
    clients: list[Document] = field(default_factory=list)
    outstanding: list[Document] = field(default_factory=list)

    def first(self, fits: Callable[[Document], bool]) -> Document | None:
        """The first of our Client Objects that fits."""
        return next((client for client in self.clients if fits(client)), None)


def play(url: str, console: Console) -> None:
    """Play it all.

    Args:
        url: The server's base URL, or that of its metadata document.
        console: Where every request and answer is shown. No complete secret is.

    Raises:
        Unexpected: The server did not answer as the specifications say.
        httpx.HTTPError, httpx.InvalidURL: It did not answer at all, or cannot be asked.
    """
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=not is_local(url), follow_redirects=True) as http:
        narrator = Narrator(http, console)
        journey = Journey(narrator, discover(narrator, url))
        for chapter in CHAPTERS:
            chapter(journey)


def is_local(url: str) -> bool:
    """Whether a URL means this machine, so that no proxy of the environment is to be asked for it."""
    host = httpx.URL(url).host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def discover(narrator: Narrator, url: str) -> Document:
    """The authorization server metadata, found from the one URL that a Client has to know."""
    narrator.chapter("Discovery")
    narrator.say("A Client knows one URL. Everything else is found from there, without any authentication.")
    server = narrator.get(url if url.endswith(".json") else url.rstrip("/") + METADATA_PATH)
    narrator.say("Where and for which kinds of energy this utility is responsible:")
    narrator.get(server["coverage"])
    if "oauth_metadata" not in server:
        raise Unexpected("This server offers no registration: its metadata has no oauth_metadata.")
    narrator.say("Which scopes it offers, what each of them requires, and where the endpoints are:")
    return narrator.get(server["oauth_metadata"])


def register(journey: Journey) -> None:
    """Register for everything at once."""
    narrator, metadata = journey.narrator, journey.metadata
    narrator.chapter("Registration")
    narrator.say(
        "One request registers for all scopes that the metadata describes, with what they require as registration "
        "fields. No account is needed before."
    )
    scopes = [ADMIN, *(name for name in metadata["cds_scope_descriptions"] if name != ADMIN)]
    body = {
        "client_name": "Demo client",
        "contacts": ["developers@client.example"],
        "scope": " ".join(scopes),
        **registration_fields(metadata, scopes),
    }
    journey.registered = narrator.ask("POST", metadata["registration_endpoint"], expect=(201,), json_body=body)


def get_admin_token(journey: Journey) -> None:
    """A token with which to call the APIs."""
    journey.narrator.chapter("An access token")
    journey.narrator.say(
        "The answer's client_id and client_secret are good for an access token to the Client's own APIs."
    )
    registered = journey.registered
    owner = Caller.client(registered["client_id"], registered["client_secret"])
    journey.admin = Caller.bearer(token(journey, owner, scope=ADMIN))


def look_around(journey: Journey) -> None:
    """The Client Objects, and the Messages that wait."""
    narrator, metadata = journey.narrator, journey.metadata
    narrator.chapter("What the registration created")
    narrator.say(
        "One Client Object per scope, or per group of alike ones; where users authorize, for the sandbox first:"
    )
    journey.clients = narrator.get(metadata["cds_clients_api"], journey.admin)["clients"]
    narrator.say("What is left to do is a Message per step. Outstanding ones wait for one of the two sides:")
    journey.outstanding = narrator.get(metadata["cds_messages_api"], journey.admin)["outstanding"]


def use_a_scope(journey: Journey) -> None:
    """A token for a scope that needs no user, and its end."""
    narrator, metadata = journey.narrator, journey.metadata
    client = usable_without_user(journey)
    if client is None:
        return
    narrator.chapter("A token for data, and its end")
    narrator.say(
        f"{client['scope']} needs no user. Its Client Object has a secret of its own, which is in the Credentials:"
    )
    own = Caller.client(client["client_id"], valid_secret(journey, client))
    access_token = token(journey, own, scope=client["scope"])
    narrator.say("Whoever protects the data asks what a token is good for (RFC 7662) ...")
    narrator.ask("POST", metadata["introspection_endpoint"], own, form={"token": access_token})
    narrator.say("... and a Client that is done gives it back (RFC 7009). From that moment it opens nothing.")
    narrator.ask("POST", metadata["revocation_endpoint"], own, form={"token": access_token})
    narrator.ask("POST", metadata["introspection_endpoint"], own, form={"token": access_token})


def change_a_client(journey: Journey) -> None:
    """A redirect URI of our own, by sending the whole object back."""
    client = journey.first(lambda one: bool(one["redirect_uris"]))
    if client is None:
        return
    journey.narrator.chapter("A redirect URI")
    journey.narrator.say(
        "Users who authorize this Client Object come back to the server's own receipt page at first. A PUT of the "
        "whole object adds a place of ours:"
    )
    body = client | {"redirect_uris": [*client["redirect_uris"], CALLBACK]}
    journey.narrator.ask("PUT", client["cds_client_uri"], journey.admin, expect=(200, 202), json_body=body)


def rotate_a_secret(journey: Journey) -> None:
    """A second secret first, then the end of the old one."""
    narrator, metadata = journey.narrator, journey.metadata
    client = journey.first(
        lambda one: one["token_endpoint_auth_method"] is not None and ADMIN not in one["scope"].split()
    )
    if client is None:
        return
    narrator.chapter("A new secret, without a gap")
    narrator.say("First a second Credential, so that both secrets work while the Client moves over ...")
    old = narrator.get(metadata["cds_credentials_api"], journey.admin, client_ids=client["client_id"])["credentials"]
    body = {"client_id": client["client_id"], "type": "client_secret"}
    narrator.ask("POST", metadata["cds_credentials_api"], journey.admin, expect=(201,), json_body=body)
    narrator.say("... then the old one expires, and every access token that it gave is dead.")
    narrator.ask("PATCH", old[0]["uri"], journey.admin, json_body={"client_secret_expires_at": int(time.time())})


def hand_in_a_form(journey: Journey) -> None:
    """The answer to a step of the onboarding, with a file."""
    narrator, metadata = journey.narrator, journey.metadata
    step = next((one for one in journey.outstanding if one["type"] == "pdf_form_request"), None)
    if step is None:
        return
    narrator.chapter("A step of the onboarding")
    narrator.say(f'"{step["name"]}" asks for a filled-in PDF. It goes back as an attachment of a Message:')
    body = {
        "type": "client_submission",
        "previous_uri": step["uri"],
        "name": "",
        "description": "",
        "updates_requested": [],
        "attachments": [
            {"filename": "form.pdf", "mime_type": "application/pdf", "data": b64encode(pdf("Filled in")).decode()}
        ],
    }
    narrator.ask("POST", metadata["cds_messages_api"], journey.admin, expect=(201,), json_body=body)
    narrator.say("Now it is pending, which means that it is the utility's turn:")
    narrator.get(step["uri"], journey.admin)


def ask_a_question(journey: Journey) -> None:
    """A question to the utility."""
    journey.narrator.chapter("A question to the utility")
    journey.narrator.say("Questions take the same way, and so will the answer:")
    body = {
        "type": "support_request",
        "previous_uri": None,
        "name": "Sandbox data",
        "description": "Is there a test account with quarter-hourly readings?",
    }
    endpoint = journey.metadata["cds_messages_api"]
    journey.narrator.ask("POST", endpoint, journey.admin, expect=(201,), json_body=body)


def close_a_grant(journey: Journey) -> None:
    """The Grants, and the end of one of them, which takes its tokens along."""
    narrator, metadata = journey.narrator, journey.metadata
    client = usable_without_user(journey)
    if client is None:
        return
    narrator.chapter("Grants")
    narrator.say("What a Client may see is a Grant, also where no user was asked:")
    own = Caller.client(client["client_id"], valid_secret(journey, client))
    access_token = token(journey, own, scope=client["scope"])
    wanted = {"client_ids": client["client_id"], "statuses": "active"}
    grants = narrator.get(metadata["cds_grants_api"], journey.admin, **wanted)["grants"]
    if not grants:
        raise Unexpected(f"There is no active Grant for {client['scope']}, although a token was issued.")
    narrator.say("A Client that needs it no longer closes it. The token above dies with it:")
    narrator.ask("PATCH", grants[0]["uri"], journey.admin, json_body={"status": "closed"})
    narrator.ask("POST", metadata["introspection_endpoint"], own, form={"token": access_token})


def look_back(journey: Journey) -> None:
    """The changelog, and a Message marked as read."""
    narrator = journey.narrator
    narrator.chapter("Looking back")
    narrator.say(
        "Whatever changed left a Message, so that a Client can see later who did what. One of them is read now:"
    )
    unread = narrator.get(journey.metadata["cds_messages_api"], journey.admin)["unread"]
    if unread:
        narrator.ask("PATCH", unread[0]["uri"], journey.admin, json_body={"read": True})
    narrator.say(f"That was the life of Client {journey.registered['client_id']}, which stays registered.")


CHAPTERS: Final[tuple[Callable[[Journey], None], ...]] = (
    register,
    get_admin_token,
    look_around,
    use_a_scope,
    change_a_client,
    rotate_a_secret,
    hand_in_a_form,
    ask_a_question,
    close_a_grant,
    look_back,
)


def token(journey: Journey, client: Caller, **form: str) -> str:
    """An access token by client_credentials."""
    body = {"grant_type": "client_credentials", **form}
    access_token: str = journey.narrator.ask("POST", journey.metadata["token_endpoint"], client, form=body)[
        "access_token"
    ]
    return access_token


def usable_without_user(journey: Journey) -> Document | None:
    """A Client Object of ours for one of the utility's own scopes that needs no user: the least demanding one."""
    descriptions = journey.metadata["cds_scope_descriptions"]

    def fits(client: Document) -> bool:
        own = [scope for scope in client["scope"].split() if not descriptions[scope]["type"].startswith("cds_")]
        return bool(own) and "client_credentials" in client["grant_types"] and not client["response_types"]

    def requirements(client: Document) -> int:
        return sum(len(descriptions[scope]["registration_requirements"]) for scope in client["scope"].split())

    return min(filter(fits, journey.clients), key=requirements, default=None)


def valid_secret(journey: Journey, client: Document) -> str:
    """A secret of a Client Object that has not expired."""
    endpoint = journey.metadata["cds_credentials_api"]
    listing = journey.narrator.get(endpoint, journey.admin, client_ids=client["client_id"])
    for credential in listing["credentials"]:
        if not 0 < credential["client_secret_expires_at"] <= time.time():
            secret: str = credential["client_secret"]
            return secret
    raise Unexpected(f"Client Object {client['client_id']} has no valid Credential.")
