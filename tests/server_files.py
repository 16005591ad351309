"""Clients that files are shared with, and the library that operators keep, for tests of Server-Provided Files."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.domain import files
from app.domain.records import Access, Wanted
from app.schemas.encoding import encode
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant
from tests.conftest import Registered, Server

SCOPE = "cds_server_provided_files_ple"
GRANT_ADMIN = "cds_grant_admin"
PATH = "/cds-api/v1/server-provided-files"
CONTENT = bytes(range(256)) * 40


@dataclass
class Party:
    """A Client that files are shared with."""

    server: Server
    registered: Registered
    client_id: str
    grant_admin: str
    grant_admin_secret: str
    grant_admin_scope: str = GRANT_ADMIN

    @property
    def access(self) -> Access:
        """The operators' access to its registration."""
        return self.registered.access

    async def share(self, *file_ids: str, **fields: Any) -> Grant:
        """What an operator does."""
        return await files.share(self.server.context, self.access, self.client_id, file_ids, **fields)

    async def token(self, grant: Grant) -> str:
        """A grant admin access token for a Grant, as example 12.19 asks for it."""
        entry = {"type": self.grant_admin_scope, "client_id": grant.client_id, "grant_id": grant.grant_id}
        return await self.server.access_token(
            self.grant_admin,
            self.grant_admin_secret,
            scope=self.grant_admin_scope,
            authorization_details=encode([entry]).decode(),
        )

    async def opening(self, *file_ids: str) -> "Opening":
        """Files, shared, and a token for them."""
        grant = await self.share(*file_ids)
        return Opening(self.server, grant, await self.token(grant))

    async def grant(self, grant_id: str) -> Grant:
        """A Grant as it is now."""
        (stored,) = await self.server.context.records.load(self.access, Wanted(Grant, grant_id))
        assert stored
        return stored.object


@dataclass
class Opening:
    """A Grant of files and a token that opens it."""

    server: Server
    grant: Grant
    token: str

    async def get(self, path: str = PATH, method: str = "GET", **kwargs: Any) -> httpx.Response:
        """A request with the token."""
        headers = {"Authorization": f"Bearer {self.token}"} | kwargs.pop("headers", {})
        return await self.server.http.request(method, path, headers=headers, **kwargs)

    async def ids(self, **params: str) -> list[str]:
        """The file_ids of a listing."""
        response = await self.get(params=params)
        assert response.status_code == 200, response.text
        return [one["file_id"] for one in response.json()["files"]]


async def join(server: Server, scope: str = SCOPE, grant_admin_scope: str = GRANT_ADMIN) -> Party:
    """Register for files, and perhaps for more."""
    registered = await server.register(f"cds_client_admin {scope}")
    clients = await registered.clients()
    grant_admin = clients[grant_admin_scope]["client_id"]
    credential = await registered.credential_of(grant_admin)
    files_client = clients[scope.split(maxsplit=1)[0]]["client_id"]
    return Party(server, registered, files_client, grant_admin, credential["client_secret"], grant_admin_scope)


@pytest.fixture
async def party(server: Server) -> Party:
    """A Client of the demo utility."""
    return await join(server)


async def put(server: Server, content: bytes = CONTENT, **fields: Any) -> ServerProvidedFile:
    """Put a file into the library."""
    fields = {"name": "tariffs.pdf", "mime_type": "application/pdf", "data": content} | fields
    return await files.create(server.context, Access("", server.clock.now), **fields)


def operator(server: Server) -> Access:
    """An operator who has no particular registration in mind."""
    return Access("", server.clock.now)
