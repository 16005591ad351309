"""The pages, where they are, and what is in them; each is made once, when somebody asks for it first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from app.catalog import Catalog
from app.docs import errors, examples, extensions, gateways, landing, operators, registration_fields, scopes, security
from app.domain import documentation
from app.domain.server_metadata import AS_METADATA_PATH, SERVER_METADATA_PATH
from app.settings import Settings
from app.web import words
from app.web.documents import Document, LaterDocument
from app.web.pages import Policy, public_page
from app.web.routing import ErrorStyle, Limit, Route

_OWN_IMAGES: Final = Policy(images="'self'")
Contents = Callable[[Catalog, Settings], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Args:
        path: Below the public URL.
        title: Also what links in the contents call it.
        template: In `app/docs/templates`.
        contents: What its template shows beside what every page has.
    """

    path: str
    title: str
    template: str
    contents: Contents


class Link(NamedTuple):
    """An entry of the table of contents."""

    path: str
    title: str


class Group(NamedTuple):
    """Entries that belong together."""

    title: str
    links: list[Link]


def nothing(_catalog: Catalog, _settings: Settings) -> dict[str, Any]:
    """For pages that are text."""
    return {}


def test_accounts(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The made-up users, and how to try them."""
    return {"accounts": catalog.test_accounts, **examples.contents(catalog, settings)}


def rate_limits(_catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The limits as they are set."""
    return {
        "limits": [
            (
                what,
                f"{limit.count:,} per {words.period(limit.period_seconds).removeprefix('1 ')}" if limit else "No limit",
            )
            for what, limit in (
                ("Requests without a token, per source address", settings.rate_limit_anonymous),
                ("Requests with a token, per Client Object with all its Credentials", settings.rate_limit_client),
                ("Failed authentications, per source address", settings.rate_limit_failed_auth),
                ("New registrations, per source address", settings.rate_limit_registration),
            )
        ],
        "body": words.size(settings.max_body_bytes),
        "attachments": words.size(settings.max_attachments_bytes),
        "lifetimes": [
            ("Access token", words.period(settings.access_token_ttl_seconds)),
            ("Authorization code", words.period(settings.code_ttl_seconds)),
            ("Refresh token that is not used", words.period(settings.refresh_token_ttl_seconds)),
        ],
    }


def legal(own_path: str, elsewhere: Callable[[Catalog, Settings], str]) -> Contents:
    """A text of the utility: a link to it when it is somewhere else, and a template of ours when there is none."""

    def contents(catalog: Catalog, settings: Settings) -> dict[str, Any]:
        link = elsewhere(catalog, settings)
        return {"elsewhere": "" if link == settings.public_url + own_path else link}

    return contents


CONTENTS: Final = (
    Page(documentation.DOCUMENTATION_PATH, "Overview", "overview", examples.contents),
    Page(documentation.GETTING_STARTED_PATH, "Getting started", "getting_started", examples.contents),
    Page(documentation.SCOPES_PATH, "Scopes", "scopes", scopes.contents),
    Page(
        documentation.REGISTRATION_FIELDS_PATH,
        "Registration fields",
        "registration_fields",
        registration_fields.contents,
    ),
    Page(documentation.TEST_ACCOUNTS_PATH, "Test accounts", "test_accounts", test_accounts),
    Page(documentation.ERRORS_PATH, "Errors", "errors", errors.contents),
    Page(documentation.RATE_LIMITS_PATH, "Rate limits", "rate_limits", rate_limits),
    Page(documentation.EXTENSIONS_PATH, "Extensions", "extensions", extensions.contents),
    Page(documentation.OPERATOR_API_PATH, "Operator API", "operator_api", operators.contents),
    Page(documentation.WEBHOOKS_PATH, "Webhooks", "webhooks", operators.contents),
    Page(
        documentation.ONBOARDING_CALLBACKS_PATH,
        "Onboarding call-backs",
        "onboarding_callbacks",
        operators.contents,
    ),
    Page(documentation.GATEWAYS_PATH, "Gateways", "gateways", operators.contents),
    Page(documentation.BEHIND_A_GATEWAY_PATH, "Behind a gateway", "behind_a_gateway", gateways.contents),
    Page(documentation.SECURITY_PATH, "Security", "security", security.contents),
    Page(documentation.POLICY_PATH, "Privacy policy", "policy", legal(documentation.POLICY_PATH, documentation.policy)),
    Page(documentation.TERMS_PATH, "Terms of service", "terms", legal(documentation.TERMS_PATH, documentation.terms)),
    Page(documentation.SUPPORT_PATH, "Support", "support", legal(documentation.SUPPORT_PATH, documentation.support)),
)
"""All but the landing page, in the order of the table of contents."""

REGISTER: Final = Link(documentation.HUMAN_REGISTRATION_PATH, "Register")
API_REFERENCE: Final = Link(documentation.API_REFERENCE_PATH, "API reference")
FOR_THE_UTILITY: Final = (
    documentation.OPERATOR_API_PATH,
    documentation.WEBHOOKS_PATH,
    documentation.ONBOARDING_CALLBACKS_PATH,
    documentation.GATEWAYS_PATH,
    documentation.BEHIND_A_GATEWAY_PATH,
    documentation.SECURITY_PATH,
)
OF_THE_UTILITY: Final = (documentation.POLICY_PATH, documentation.TERMS_PATH, documentation.SUPPORT_PATH)


def navigation() -> list[Group]:
    """The table of contents."""
    links = {page.path: Link(page.path, page.title) for page in CONTENTS}
    apart = {*FOR_THE_UTILITY, *OF_THE_UTILITY}
    overview, started, *others = [link for path, link in links.items() if path not in apart]
    return [
        Group("For clients", [overview, started, REGISTER, API_REFERENCE, *others]),
        Group("For the utility's engineers", [links[path] for path in FOR_THE_UTILITY]),
        Group("The utility", [links[path] for path in OF_THE_UTILITY]),
    ]


def routes(catalog: Catalog, settings: Settings) -> list[Route]:
    """Every page."""
    front = Page(documentation.LANDING_PATH, catalog.server.name, "landing", landing.contents)
    return [
        Route(
            page.path,
            app=LaterDocument(partial(rendered, page, catalog, settings)),
            errors=ErrorStyle.PAGE,
            limit=Limit.ANONYMOUS,
        )
        for page in (front, *CONTENTS)
    ]


def rendered(page: Page, catalog: Catalog, settings: Settings) -> Document:
    """A page as this server shows it."""
    return public_page(
        settings,
        catalog,
        f"docs/templates/{page.template}.html",
        policy=_OWN_IMAGES,
        title=page.title,
        current=page.path,
        navigation=navigation(),
        server_metadata=settings.public_url + SERVER_METADATA_PATH,
        oauth_metadata=settings.public_url + AS_METADATA_PATH,
        documentation=documentation.server_documentation(catalog, settings),
        support=documentation.support(catalog, settings),
        url=settings.public_url,
        **page.contents(catalog, settings),
    )
