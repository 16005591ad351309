"""What a scope gives, what it takes to get it, and what a step is: in the words of all pages that speak of scopes."""

from typing import Final

from app.catalog import CLIENT_ADMIN, GRANT_ADMIN, SERVER_PROVIDED_FILES, Catalog, RegistrationField, Scope
from app.domain.client_objects import onboarding_steps

KINDS: Final = {
    "registration_field": "Submitted with the registration request",
    "internal_review": "Review by us",
    "payment_required": "Payment",
    "email_verification": "Verification of an e-mail address",
    "sso_verification": "Single sign-on",
    "pdf_form": "PDF form",
    "online_form": "Online form",
}
"""The types of registration fields."""


def access(scope: Scope) -> str:
    """How a Client comes by an access token for it."""
    if scope.type == CLIENT_ADMIN:
        return "Every registration has it. Its token opens the Clients, Messages, Credentials and Grants APIs."
    if scope.type == GRANT_ADMIN:
        return (
            "A token request names one Grant in its authorization details; the token opens that Grant and nothing else."
        )
    if scope.type == SERVER_PROVIDED_FILES:
        return "We share files; each share is a Grant, which a token of the grant admin scope opens."
    if scope.response_types_supported:
        return "A user of ours authorizes your Client in a browser; you exchange the code for tokens."
    if scope.grant_types_supported:
        return "Your Client asks for a token with its own client_secret; no user is involved."
    return "There is no token for it alone: its Grants are opened with a token of the grant admin scope."


def environment(catalog: Catalog, scope: Scope) -> str:
    """Where its Client Objects begin, and what is between them and production (A18)."""
    steps = onboarding_steps(catalog, [scope])
    if not steps and not scope.response_types_supported:
        return "Production from the start."
    if not steps and catalog.registration.production == "automatic":
        return "A sandbox object and a production object from the start."
    if catalog.registration.production == "automatic":
        return "Sandbox from the start; production as soon as every step is complete."
    return "Sandbox from the start; production when every step is complete and we have approved it."


def fee(field: RegistrationField) -> str:
    """What a step costs, `250.00 USD`; empty when it costs nothing."""
    return "" if field.amount is None else f"{field.amount:,.2f} {field.currency or ''}".rstrip()
