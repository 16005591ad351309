"""The yardsticks as scenarios: bare Starlette, Starlette with one question to the store, and npm's oidc-provider."""

import base64
import json
from urllib.parse import urlencode

import httpx

from tests.bench.scenarios import BARE, FORM, JSON, ONE_GET, RIVAL, Scenario
from tests.bench.servers import PROVIDER_CLIENT, PROVIDER_SECRET
from tests.bench.visitor import TIMEOUT_SECONDS

BASIC = {"Authorization": "Basic " + base64.b64encode(f"{PROVIDER_CLIENT}:{PROVIDER_SECRET}".encode()).decode()}
TOKEN_FORM = {"grant_type": "client_credentials", "scope": "cds_client_admin"}


def starlette(url: str) -> list[Scenario]:
    """Those of `tests.bench.yardsticks`."""
    return [Scenario(BARE, f"{url}/bare"), Scenario(ONE_GET, f"{url}/get")]


def oidc_provider(url: str) -> list[Scenario]:
    """What oidc-provider does like our server: a token, a dynamic registration (of one client), an introspection."""
    grants = {"grant_types": ["client_credentials"], "redirect_uris": [], "response_types": []}
    body = json.dumps({"client_name": "Meadow Software"} | grants)
    return [
        Scenario(f"{RIVAL} token", f"{url}/token", "POST", BASIC | FORM, urlencode(TOKEN_FORM)),
        Scenario(f"{RIVAL} registration", f"{url}/reg", "POST", JSON, body),
        introspection(url),
    ]


def introspection(url: str) -> Scenario:
    """Introspection of a new token: the provider soon forgets old ones.

    Raises:
        SystemExit: The provider does not know the token, so that there is nothing to compare.
    """
    pair = (PROVIDER_CLIENT, PROVIDER_SECRET)
    with httpx.Client(base_url=url, trust_env=False, auth=pair, timeout=TIMEOUT_SECONDS) as http:
        token = http.post("/token", data=TOKEN_FORM).raise_for_status().json()["access_token"]
        if not http.post("/token/introspection", data={"token": token}).raise_for_status().json()["active"]:
            raise SystemExit("oidc-provider does not know the token that it gave")
    name = f"{RIVAL} introspection"
    return Scenario(name, f"{url}/token/introspection", "POST", BASIC | FORM, urlencode({"token": token}))
