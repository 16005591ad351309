"""What may be done so often and no more, whatever process is asked."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Allowance(NamedTuple):
    """At most so many `times` within `period_seconds`."""

    times: int
    period_seconds: int


class Allowances(Protocol):
    """Counts mails to somebody who may not have asked for any. Raises StoreUnavailable."""

    async def spend(self, registration_id: str, allowances: Sequence[Allowance], *, now: datetime) -> int:
        """Count one mail of a registration, unless that is more than any of the allowances has room for.

        Returns:
            0 when it was counted, else the seconds until there is room.
        """

    async def spend_for_address(self, address: str, allowances: Sequence[Allowance], *, now: datetime) -> int:
        """Likewise for one mail to an address, whoever has it sent; the store does not get to know the address."""


class Portion(NamedTuple):
    """Requests that one process may let through.

    Args:
        times: How many; 0 when none is left.
        seconds: With some, how long it would have taken until the allowance was whole, had they not been given out.
            Without any, how long until there is one again.
    """

    times: int
    seconds: float


class Portions(Protocol):
    """Allowances of requests that all processes share, given out in portions.

    What is given out comes back evenly, so nothing has to be returned: a request of a portion of n that was not made
    within `seconds` + 1 … n shares of the period is somebody else's from then on.
    """

    async def take(self, limit: str, key: str, allowance: Allowance, *, wanted: int, share: int) -> Portion:
        """Take a portion of what `key` may do under a limit. One round trip.

        Args:
            limit: The name of the limit; each counts for itself.
            key: Whose allowance; the store does not get to know it.
            allowance: All of it.
            wanted: How many requests wait; no more than that unless `share` says so.
            share: Up to this part of what is left comes along, 16 for a sixteenth; 0 for nothing.

        Raises:
            StoreUnavailable: The store does not answer.
            ServerError: It does not let us count.
        """
