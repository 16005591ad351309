"""Configurations of gateways as the page about them shows them; tests run those of NGINX as they stand."""

from importlib.resources import files
from typing import Any, Final

from app.catalog import Catalog
from app.catalog.builtin import BUILT_IN_TYPES
from app.domain.operators import CHECK_SECONDS
from app.settings import Settings
from app.web import words

EXAMPLE_URL: Final = "https://cds.utility.example"
"""What the public URL is called in the files, where it is no name of a host alone."""

EXAMPLE_SCOPE: Final = "ple_grid_status"
"""What the scope is called in the files that a data API needs."""

FILES: Final = {
    "server": "nginx-server.conf",
    "data_api": "nginx-data-api.conf",
    "key": "nginx-key.conf",
    "envoy_jwt": "envoy-jwt.yaml",
    "envoy_forward_auth": "envoy-forward-auth.yaml",
    "kong": "kong.yaml",
    "kong_enterprise": "kong-enterprise.yaml",
}


def contents(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The values of the template."""
    scope = data_scope(catalog)
    return {
        "file": {name: configuration(path, settings, scope) for name, path in FILES.items()},
        "is_jwt": settings.access_tokens_are_jwts,
        "revoked_within": words.period(CHECK_SECONDS),
        "token_lives": words.period(settings.access_token_ttl_seconds),
    }


def data_scope(catalog: Catalog) -> str:
    """A scope for data of the utility; one that programs get by themselves, if there is one."""
    own = [one for one in catalog.scopes.values() if one.type not in BUILT_IN_TYPES]
    by_themselves = [one.id for one in own if "client_credentials" in one.grant_types_supported]
    return next(iter([*by_themselves, *(one.id for one in own), EXAMPLE_SCOPE]))


def configuration(path: str, settings: Settings, scope: str) -> str:
    """A configuration for this server."""
    text = (files("app.docs.gateways") / path).read_text(encoding="utf-8")
    return text.replace(EXAMPLE_URL, settings.public_url).replace(EXAMPLE_SCOPE, scope)
