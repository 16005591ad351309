"""The `server` part of the catalog (WG1-01 3.2)."""

import zoneinfo

from app.catalog import values
from app.catalog.model import Server
from app.catalog.problems import nearest
from app.catalog.reader import NEVER, Section

KEYS = (
    "name",
    "description",
    "website",
    "documentation",
    "support",
    "timezone",
    "created",
    "updated",
    "related_metadata",
    "op_policy_uri",
    "op_tos_uri",
    "moved_to",
)


def read_server(section: Section) -> Server:
    """Who runs this server."""
    created, updated = section.moment("created"), section.moment("updated")
    if updated is not NEVER and updated < created:
        section.problem("updated", "this is before created", "write the moment of the last change of the metadata")
    return Server(
        name=section.text("name"),
        description=section.text("description"),
        website=section.link("website"),
        documentation=section.optional_link("documentation"),
        support=section.link("support"),
        timezone=read_timezone(section),
        created=created,
        updated=updated,
        related_metadata=section.texts("related_metadata", refuse_relative),
        op_policy_uri=section.optional_link("op_policy_uri"),
        op_tos_uri=section.optional_link("op_tos_uri"),
        moved_to=section.optional_url("moved_to"),
    )


def refuse_relative(value: str) -> str | None:
    """What to write instead of a URL that is not absolute."""
    return None if values.is_url(value) else "write an absolute URL that starts with https://"


def read_timezone(section: Section) -> str:
    """The reference of relative dates, a name of the IANA database."""
    name = section.text("timezone")
    if name and not values.is_timezone(name):
        # Listing the database takes a while, so it waits until somebody needs a suggestion.
        guess = nearest(name, zoneinfo.available_timezones(), cutoff=0.8)
        hint = f'perhaps it is "{guess}"' if guess else "write one such as America/Chicago or Europe/Berlin"
        section.problem("timezone", f'"{name}" is not a time zone of the IANA database', hint)
    return name
