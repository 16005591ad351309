"""Keys that the settings hold are exchanged by replacing servers one after the other, and no request fails for it."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.crypto import secret_keys, signing_keys
from app.settings import Settings
from app.store.connect import connect
from app.upkeep import Wishes, rotate
from tests.conftest import MakeServer, Registered, Server
from tests.stores import Servers, start_valkey


@dataclass
class Clients:
    """Clients with the tokens that they have, of any age."""

    every: list[Registered] = field(default_factory=list)
    tokens: dict[str, list[str]] = field(default_factory=dict)

    async def come(self, server: Server) -> None:
        """A new one registers, and this and the very first one get a new token, here."""
        client = await server.register()
        self.every.append(client)
        for one in {id(one): one for one in (self.every[0], client)}.values():
            answer = await server.token_response(one.client_id, one.client_secret)
            self.tokens.setdefault(one.client_id, []).append(answer.raise_for_status().json()["access_token"])

    async def are_served(self, server: Server) -> None:
        """All that they ever got is good here: secrets and tokens, and what a resource server makes of these."""
        published = (await server.http.get("/.well-known/jwks.json")).raise_for_status().json()
        for client in self.every:
            for token in self.tokens[client.client_id]:
                headers = {"Authorization": f"Bearer {token}"}
                listed = await server.http.get("/cds-api/v1/credentials", headers=headers)
                (credential,) = listed.raise_for_status().json()["credentials"]
                assert credential["client_secret"] == client.client_secret
                jwt.decode(token, KeySet.import_key_set(published), algorithms=["ES256"])


@pytest.fixture
def valkey() -> Servers:
    servers = start_valkey()
    yield servers
    servers.stop()


async def test_no_request_fails_while_servers_with_other_keys_replace_each_other(valkey, make_server: MakeServer):
    """As the README says: the new keys last everywhere, then first everywhere, and at the end the old ones go."""
    old, new = secret_keys.new_key(), secret_keys.new_key()
    signs_before, signs_after = signing_keys.new_key(), signing_keys.new_key()
    store = await connect(valkey.url)

    def settings(secret: list[Any], signing: list[Any]) -> dict[str, str]:
        return {
            "CDS_SECRET_KEYS": secret_keys.keys_document(secret).decode(),
            "CDS_SIGNING_KEYS": signing_keys.keys_document(signing).decode(),
            "CDS_ACCESS_TOKEN_FORMAT": "jwt",
        }

    first = settings([old], [signs_before])
    servers = [await make_server(store=store, **first) for _ in range(2)]
    clients = Clients()
    for server in servers:
        await clients.come(server)
    changed = settings([new, old], [signs_after, signs_before])
    for phase in (settings([old, new], [signs_before, signs_after]), changed):
        for place in range(2):
            servers[place] = await make_server(store=store, **phase)
            for server in servers:
                await clients.come(server)
            for server in servers:
                await clients.are_served(server)

    told: list[str] = []
    wishes = Wishes(signing_keys=False, new_key=False, forget_old=True, settle_seconds=0)
    environment = {"CDS_STORE_URL": valkey.url, **changed}
    assert await rotate(Settings.from_environment(environment), wishes, told.append)
    assert told[-1].endswith(f"out of CDS_SECRET_KEYS: {old.kid}.")
    for place in range(2):
        servers[place] = await make_server(store=store, **settings([new], [signs_after, signs_before]))
        for server in servers:
            await clients.come(server)
        for server in servers:
            await clients.are_served(server)
    await store.close()
