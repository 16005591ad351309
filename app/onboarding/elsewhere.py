"""Steps that are taken with another system of the utility: the link to it says what it is about."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from app.domain.context import Context
from app.domain.onboarding_links import return_link
from app.domain.onboarding_steps import Step


def link(context: Context, step: Step, url: str) -> str:
    """The URL of the catalog with `message_id` and `return_url` added to its own query.

    The system reports to `/onboarding/callback` about that Message. Where it sends people back to shows how far the
    step is, and opens nothing, so it is no secret.
    """
    about = {"message_id": step.request.object.message_id, "return_url": return_link(context, step)}
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(about)) if part)
    return urlunsplit(parts._replace(query=query))
