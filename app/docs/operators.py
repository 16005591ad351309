"""What the pages for the engineers of the utility show: values that the code has, so that no page can be behind it."""

from typing import Any, Final

from app.catalog import Catalog
from app.crypto.signed_calls import TOLERANCE_SECONDS
from app.domain.deliveries import DEAD_DAYS, PAUSES_SECONDS, TEST_EVENT
from app.domain.events import EVENT_TYPES
from app.domain.operators import CHECK_SECONDS, Role
from app.domain.webhooks import EVERYTHING, MAX_WEBHOOKS, OVERLAP
from app.settings import Settings
from app.web import words

ROLES: Final = {
    Role.VIEWER: "Reads everything that operators see.",
    Role.SUPPORT: "Reads, and writes Messages and broadcasts.",
    Role.ADMIN: "Reads, writes, decides and changes; makes keys and webhooks.",
    Role.INTROSPECTOR: "Asks about access tokens of every registration, and nothing else: for gateways and data APIs.",
}


def contents(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The values of the templates."""
    elsewhere = [
        field for field in catalog.registration_fields.values() if field.form is not None and field.form.url is not None
    ]
    return {
        "roles": [(role.value, text) for role, text in ROLES.items()],
        "revoked_within": words.period(CHECK_SECONDS),
        "events": EVENT_TYPES.items(),
        "everything": EVERYTHING,
        "most_webhooks": MAX_WEBHOOKS,
        "overlap": words.period(int(OVERLAP.total_seconds())),
        "pauses": words.joined([words.period(seconds) for seconds in PAUSES_SECONDS]),
        "dead_days": DEAD_DAYS,
        "test_event": TEST_EVENT,
        "tolerance": words.period(TOLERANCE_SECONDS),
        "elsewhere": elsewhere,
        "is_jwt": settings.access_tokens_are_jwts,
        "token_lives": words.period(settings.access_token_ttl_seconds),
    }
