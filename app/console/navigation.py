"""The way around the console: what there is, for whom, and where somebody is now."""

from typing import Final, NamedTuple

from app.domain.operators import ADMINISTERING, VIEWING, Role


class Place(NamedTuple):
    """A page of the console that all others lead to."""

    name: str
    path: str
    roles: frozenset[Role] = VIEWING


class Entry(NamedTuple):
    """A place in the navigation of one operator; `current` for the page itself or one below it."""

    name: str
    path: str
    current: bool


class Group(NamedTuple):
    """Entries that belong together."""

    name: str
    entries: tuple[Entry, ...]


PLACES: Final = (
    (
        "Work",
        (
            Place("Overview", "/console"),
            Place("Inbox", "/console/messages"),
            Place("Registrations", "/console/registrations"),
            Place("Grants", "/console/grants"),
            Place("Files", "/console/files"),
            Place("Broadcasts", "/console/broadcasts"),
        ),
    ),
    (
        "Server",
        (
            Place("Catalog", "/console/catalog"),
            Place("Audit log", "/console/audit"),
            Place("Mails", "/console/mails"),
            Place("Webhooks", "/console/webhooks", ADMINISTERING),
            Place("Operator keys", "/console/keys", ADMINISTERING),
        ),
    ),
)


def groups_for(role: Role, path: str) -> tuple[Group, ...]:
    """What an operator of this role sees on the page at this path (below the public URL)."""
    every = [place.path for _, places in PLACES for place in places]
    here = max((one for one in every if path == one or path.startswith(one + "/")), key=len, default="")
    return tuple(
        Group(name, tuple(Entry(one.name, one.path, one.path == here) for one in places if role in one.roles))
        for name, places in PLACES
    )
