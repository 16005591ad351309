"""What happened during a run, as those saw it who sent requests."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Made(NamedTuple):
    """Something that a server has confirmed."""

    kind: str
    """`message`, `registration`, `grant`, `token` or `decision`."""
    registration_id: str
    id: str
    name: str
    """What only this request, however often it was sent, has called it."""
    secret: str
    """Of a registration its client_secret, the token itself."""
    at: float


class Failure(NamedTuple):
    """A request that nobody knows an effect of."""

    at: float
    how: str
    """`503`, `no connection`, `broken off`, `no answer`."""
    kind: str


@dataclass
class Journal:
    """Grows while callers are at work; times are of the monotonic clock."""

    requests: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    """Requests by kind, repeated ones too."""
    made: list[Made] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Answers that must never come: a 404 or 401 for what was confirmed, a 503 that does not say when to come back."""
    longest_outage: float = 0.0
    """Seconds from the first attempt of something until it was confirmed."""
    given_up: int = 0

    def add(self, kind: str, registration_id: str, id_: str, name: str, secret: str = "") -> None:
        """Note that something was confirmed just now."""
        self.made.append(Made(kind, registration_id, id_, name, secret, time.monotonic()))

    def of(self, kind: str) -> list[Made]:
        """What was confirmed of a kind."""
        return [one for one in self.made if one.kind == kind]

    def failed(self, how: str, kind: str) -> None:
        """Note that a request had no effect that anybody knows of."""
        self.failures.append(Failure(time.monotonic(), how, kind))

    def last_failure(self, since: float) -> float:
        """Seconds from a moment to the last failure after it; 0 when there was none.

        What is asked for in vain because it was lost says nothing about when the servers have recovered.
        """
        late = (one for one in self.failures if one.at > since and not one.how.startswith("4"))
        return max((one.at - since for one in late), default=0.0)
