"""The hot paths as requests that a load generator can repeat, made for whatever a server says that it offers."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from tests.bench.visitor import ADMIN, Client, Visitor

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SIX_OBJECTS = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
REQUIRED_FIELDS = {
    "cds_company_name": "Meadow Software",
    "cds_privacy_policy": "https://meadow.example/privacy",
    "cds_security_contact": "security@meadow.example",
}

BARE, ONE_GET = "bare Starlette JSON", "Starlette + one GET"
RIVAL = "oidc-provider"
MIXED = "mixed"
SIZES = (10, 100)
"""Client Objects of the registrations whose lists are read."""
MORE_GRANTS = 9
OPERATORS = 4
"""Who look at the same page at once."""
LETTER = "The data of last month for two of our customers arrived later than announced."


@dataclass(frozen=True)
class Scenario:
    """One request, sent again and again.

    `goal` is the wanted ratio to the bare route and `rival_goal` the one to the yardstick called `rival`; `share` is
    how many of a thousand requests of mixed traffic are of this kind. `writes` leaves something behind in the store.
    `at_once` bounds the connections of what few people ask for at the same time; 0 does not.
    """

    name: str
    url: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    goal: float | None = None
    rival: str = ""
    rival_goal: float | None = None
    share: int = 0
    writes: bool = False
    at_once: int = 0

    @property
    def path(self) -> str:
        """Of the URL, with its query."""
        parts = urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def origin(self) -> str:
        """Of the URL."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True)
class Course:
    """What is measured as one path: a single request, or several kinds in proportion to their shares."""

    name: str
    parts: tuple[Scenario, ...]

    @property
    def writes(self) -> bool:
        """Whether it leaves something behind."""
        return any(part.writes for part in self.parts)

    def connections(self, many: int) -> int:
        """How many connections send it where `many` are wanted."""
        at_once = self.parts[0].at_once if len(self.parts) == 1 else 0
        return min(many, at_once or many)


def course_of(scenario: Scenario) -> Course:
    """That request alone."""
    return Course(scenario.name, (scenario,))


def mixed(scenarios: Sequence[Scenario]) -> Course | None:
    """All that have a share and are at the same place as the first of them; None for fewer than two."""
    shared = [one for one in scenarios if one.share]
    parts = tuple(one for one in shared if one.origin == shared[0].origin)
    return Course(MIXED, parts) if len(parts) > 1 else None


def hot_paths(visitor: Visitor, *, writes: bool = True) -> Iterator[Scenario]:
    """Register what is needed and make each hot path that this server has."""
    yield from _metadata(visitor)
    yield from _client_lists(visitor)
    client = visitor.register(everyday(visitor), REQUIRED_FIELDS)
    yield from _authorization(visitor, client)
    yield from _objects(visitor, client)
    if writes:
        yield _registration(visitor, client)
        yield _message(visitor)
    yield from _operators(visitor)


def everyday(visitor: Visitor) -> list[str]:
    """What the registration of a typical Client asks for: the scopes of DESIGN's mix, where the server has them."""
    scopes = [one for one in SIX_OBJECTS.split() if one in visitor.scopes]
    return scopes if len(scopes) > 1 else visitor.many(5)


def _metadata(visitor: Visitor) -> Iterator[Scenario]:
    url = visitor.metadata_url
    yield Scenario("metadata 200", url, goal=1.1, share=30)
    if etag := visitor.etag(url):
        yield Scenario("metadata 304", url, headers={"If-None-Match": etag}, goal=1.3, share=70)


def _client_lists(visitor: Visitor) -> Iterator[Scenario]:
    """Lists of Client Objects and one of them; a server with few scopes has no long lists."""
    seen = 0
    for size in SIZES:
        client = visitor.register(visitor.many(size), REQUIRED_FIELDS)
        count = len(visitor.clients(client))
        if not seen:
            yield _reading("one client", f"{visitor.clients_api}/{client.client_id}", client, share=60, goal=0.6)
        if count > seen:
            goal = {10: 0.55, 100: 0.2}.get(count)
            yield _reading(f"list of {count}", visitor.clients_api, client, share=0 if seen else 60, goal=goal)
        seen = count


def _reading(name: str, url: str, client: Client, *, share: int, goal: float | None = None) -> Scenario:
    return Scenario(name, url, headers=client.bearer, goal=goal, share=share)


def token_scenario(visitor: Visitor, client: Client) -> Scenario:
    """A token request of the admin Client Object; its name says so when tokens are JWTs."""
    form = urlencode({"grant_type": "client_credentials", "scope": "cds_client_admin"})
    is_jwt = client.access_token.count(".") == 2
    name, goal, least = ("token (JWT)", None, None) if is_jwt else ("token", 0.5, 2.0)
    headers, rival = client.basic | FORM, f"{RIVAL} token"
    return Scenario(name, visitor.token_url, "POST", headers, form, goal, rival, least, share=150)


def _authorization(visitor: Visitor, client: Client) -> Iterator[Scenario]:
    yield token_scenario(visitor, client)
    if url := visitor.introspection_url:
        form, rival = urlencode({"token": client.access_token}), f"{RIVAL} introspection"
        yield Scenario("introspection", url, "POST", client.basic | FORM, form, 0.6, rival, 1.3, share=450)


def _objects(visitor: Visitor, client: Client) -> Iterator[Scenario]:
    """Messages and Grants of a registration that has some of each."""
    visitor.grant(client.client_id, MORE_GRANTS)
    yield _reading("messages list", visitor.messages_api, client, share=80)
    yield _reading("grants list", visitor.grants_api, client, share=50)
    if grants := visitor.grants(client):
        yield _reading("one grant", grants[0]["uri"], client, share=25)


def _registration(visitor: Visitor, client: Client) -> Scenario:
    """A registration like that of a Client that there is already."""
    count = len(visitor.clients(client))
    body = json.dumps(visitor.registration(everyday(visitor), REQUIRED_FIELDS), separators=(",", ":"))
    name, goal = ("registration of six", 0.22) if count == 6 else (f"registration of {count}", None)
    url, rival = visitor.registration_url, f"{RIVAL} registration"
    return Scenario(name, url, "POST", JSON, body, goal, rival, share=5, writes=True)


def _message(visitor: Visitor) -> Scenario:
    """A Message of a Client that has written many."""
    author = visitor.register([ADMIN], REQUIRED_FIELDS)
    letter = json.dumps({"type": "private_message", "name": "Late data", "description": LETTER})
    return Scenario("message post", visitor.messages_api, "POST", author.bearer | JSON, letter, share=10, writes=True)


def _operators(visitor: Visitor) -> Iterator[Scenario]:
    """What staff look at most, if there is an operator key."""
    if operator := visitor.operator:
        for name, url, headers in (
            ("operator API page", f"{operator.api}/registrations", operator.bearer),
            ("console page", f"{operator.base}/console/registrations", operator.session()),
        ):
            yield Scenario(name, url, headers=headers, share=5, at_once=OPERATORS)
