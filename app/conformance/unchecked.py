"""Why a clause has no check: what is said in the report in place of a result."""

from functools import cache
from typing import Final

import msgspec

from app.conformance.clauses import Clause, read

BY_KIND: Final = {
    "http": "this version has no check for it",
    "config": "shows only under another configuration of the server",
    "needs_time": "shows only after a long time, or with the server's clock in hand",
    "needs_operator": "shows only when somebody acts for the server",
    "browser": "needs a person with a browser",
    "docs": "needs a person who reads the documentation",
    "not_testable": "cannot be observed from outside",
}


def why_unchecked(clause: Clause) -> str:
    """The reason for a clause that no check looks at."""
    own = load_reasons().get(clause.id)
    if own:
        return own
    return "obliges the Client, not the server" if clause.actor == "client" else BY_KIND[clause.kind]


@cache
def load_reasons() -> dict[str, str]:
    """The reasons of `unchecked.yaml`, by clause."""
    return msgspec.convert(read("unchecked.yaml"), dict[str, str])
