"""What faults of objects have in common: where the objects are, and what is done to all of a kind."""

import json
from typing import Any

from tests.conformance.faulty import API, Seen

CLIENTS, MESSAGES, CREDENTIALS, GRANTS = (f"{API}/{name}" for name in ("clients", "messages", "credentials", "grants"))
FILES = f"{API}/server-provided-files"
LISTS = ("outstanding", "unread", "read")


def strip(seen: Seen, kind: str, name: str) -> None:
    """Take a member out of every object of a kind."""
    for one in seen.every(kind):
        one.pop(name, None)


def give(seen: Seen, kind: str, **members: Any) -> None:
    """Give members to every object of a kind."""
    for one in seen.every(kind):
        one.update(members)


def remember(seen: Seen) -> None:
    """Answer a read that is refused as it was answered before."""
    if seen.method == "GET" and seen.status == 200:
        seen.memory[seen.path] = seen.content
    elif seen.status == 401 and "authorization" in seen.headers and seen.path in seen.memory:
        seen.answer(200, json.loads(seen.memory[seen.path]))


def cut(seen: Seen, member: str) -> None:
    """Pages of one object each, whose links forget the filters."""
    found = seen.document.get(member)
    if found is None or seen.status != 200:
        return
    place = int(dict(seen.query).get("place", "0"))
    link = f"https://utility.example{seen.path}?place="
    seen.document[member] = found[place : place + 1]
    seen.document["next"] = f"{link}{place + 1}" if place + 1 < len(found) else None
    seen.document["previous"] = f"{link}{place - 1}" if place else None
