"""Grants and tokens for tests: a utility with more kinds of scopes than the demo has, and short ways to ask it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from msgspec import UNSET

from app.catalog import Catalog, Scope
from app.catalog.builtin import grant_admin_scope
from app.catalog.model import AuthorizationDetailsField, Choice
from app.domain import grant_creation, registrations
from app.domain.grant_terms import Terms
from app.domain.records import Stored, Wanted
from app.schemas.encoding import decode, encode
from app.schemas.grants import Grant
from app.schemas.registrations import RegistrationStatus
from tests.conftest import Registered, Server

GRANTS = "/cds-api/v1/grants"
ADMIN_APIS = ("clients", "messages", "credentials", "grants")
EVERYTHING = (
    "cds_client_admin ple_customer_data ple_grid_status cds_server_provided_files_ple "
    "test_meters test_prices test_other"
)


def field_of(scope_id: str, field_id: str, format_: str, **fields: Any) -> AuthorizationDetailsField:
    """An authorization details field, optional unless `is_required` is given."""
    values: dict[str, Any] = {
        "id": field_id,
        "name": f"The {field_id}",
        "description": f"What {field_id} is",
        "documentation": None,
        "for_types": (scope_id,),
        "format": format_,
        "is_required": False,
        "default": UNSET,
        "maximum": UNSET,
        "minimum": UNSET,
        "choices": (),
        "looks_back": False,
        "extra": {},
    }
    return AuthorizationDetailsField(**(values | fields))


def scope_of(scope_id: str, *fields: AuthorizationDetailsField, **values: Any) -> Scope:
    """A scope for client_credentials."""
    defaults: dict[str, Any] = {
        "id": scope_id,
        "type": scope_id,
        "name": scope_id,
        "description": scope_id,
        "grant_types_supported": ("client_credentials",),
        "token_endpoint_auth_methods_supported": ("client_secret_basic",),
        "authorization_details_types_supported": (scope_id,) if fields else (),
        "authorization_details_fields_supported": fields,
    }
    return Scope(**(defaults | values))


def utility(demo: Catalog, **policies: Any) -> Catalog:
    """The demo utility with a group of two scopes, a second grant admin scope, and all kinds of details fields."""
    fields = (
        field_of("test_meters", "until", "relative_or_absolute_date", default="P1Y", minimum="P1D", maximum="P5Y"),
        field_of("test_meters", "share", "decimal", default=1, minimum=0, maximum=1),
        field_of("test_meters", "meters", "string_list", default=[], minimum=0, maximum=1000),
        field_of(
            "test_meters",
            "interval",
            "choice",
            default="hour",
            choices=(Choice("hour", "Hour", "", None), Choice("day", "Day", "", None)),
        ),
    )
    scopes = [
        scope_of("test_meters", *fields, group="data", grant_admin_scope="cds_grant_admin"),
        scope_of("test_prices", group="data", grant_admin_scope="cds_grant_admin"),
        scope_of("test_other", grant_admin_scope="cds_grant_admin_2"),
        grant_admin_scope("cds_grant_admin_2"),
    ]
    return msgspec.structs.replace(
        demo,
        scopes=demo.scopes | {scope.id: scope for scope in scopes},
        policies=msgspec.structs.replace(demo.policies, **({"field_review": frozenset()} | policies)),
    )


@dataclass
class Holder:
    """A Client Object with its secret, as a program that uses it has them."""

    registered: Registered
    client_id: str
    client_secret: str

    @property
    def server(self) -> Server:
        """The server of its registration."""
        return self.registered.server

    async def ask(self, details: Any = None, **form: str) -> httpx.Response:
        """Ask the token endpoint."""
        if details is not None:
            form["authorization_details"] = details if isinstance(details, str) else encode(details).decode()
        return await self.server.token_response(self.client_id, self.client_secret, **form)

    async def token(self, details: Any = None, **form: str) -> str:
        """An access token."""
        response = await self.ask(details, **form)
        assert response.status_code == 200, response.text
        access_token: str = response.json()["access_token"]
        return access_token

    async def introspect(self, access_token: str) -> dict[str, Any]:
        """What introspection says about a token."""
        response = await self.post("/oauth/introspect", token=access_token)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def post(self, path: str, **form: str) -> httpx.Response:
        """A form, authenticated."""
        return await self.server.http.post(path, data=form, auth=(self.client_id, self.client_secret))

    async def grants(self, **filters: str) -> list[dict[str, Any]]:
        """The Grants of the Client Object, newest first."""
        listing = await self.registered.get(GRANTS, params={"client_ids": self.client_id} | filters)
        assert listing.status_code == 200, listing.text
        found: list[dict[str, Any]] = listing.json()["grants"]
        return found


async def holder_of(registered: Registered, scope: str) -> Holder:
    """The Client Object with that scope string."""
    client_id = (await registered.clients())[scope]["client_id"]
    credential = await registered.credential_of(client_id)
    return Holder(registered, client_id, credential["client_secret"])


def admin(registered: Registered) -> Holder:
    """The admin Client Object."""
    return Holder(registered, registered.client_id, registered.client_secret)


async def make_grant(registered: Registered, client_id: str, scope: str = "", **terms: Any) -> Grant:
    """A Grant that the Server makes; its details are read as if they had come in JSON."""
    if "authorization_details" in terms:
        terms["authorization_details"] = decode(encode(terms["authorization_details"]))
    context = registered.server.context
    return await grant_creation.create(context, registered.access, client_id, Terms(scope=scope, **terms))


async def shown(registered: Registered, grant_id: str) -> dict[str, Any]:
    """A Grant as its Client sees it."""
    response = await registered.get(f"{GRANTS}/{grant_id}")
    assert response.status_code == 200, response.text
    grant: dict[str, Any] = response.json()
    return grant


async def patch(registered: Registered, grant_id: str, body: Mapping[str, Any]) -> httpx.Response:
    """PATCH a Grant."""
    return await registered.patch(f"{GRANTS}/{grant_id}", body)


def opening(grant: Grant | Mapping[str, Any], scope: str = "cds_grant_admin") -> list[dict[str, Any]]:
    """The authorization details that open a Grant."""
    fields = grant if isinstance(grant, Mapping) else msgspec.structs.asdict(grant)
    return [{"type": scope, "client_id": fields["client_id"], "grant_id": fields["grant_id"]}]


async def load(registered: Registered, grant_id: str) -> Stored[Grant]:
    """A Grant with what is not shown of it."""
    (stored,) = await registered.server.context.records.load(registered.access, Wanted(Grant, grant_id))
    assert stored
    return stored


async def suspend(registered: Registered, status: RegistrationStatus = RegistrationStatus.SUSPENDED) -> None:
    """Suspend a registration, as an operator does."""
    await registrations.modify(registered.server.context, registered.access, status=status)
