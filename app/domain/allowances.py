"""What may be done so often and no more, whatever process is asked.

Rate limits of requests are counted in each process (`app.web.rate_limit`), which is cheap and good enough for them.
Mails to somebody who may not have asked for any are counted in the store.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Allowance(NamedTuple):
    """At most so many `times` within `period_seconds`."""

    times: int
    period_seconds: int


class Allowances(Protocol):
    """Counts. Raises StoreUnavailable when the store does not answer."""

    async def spend(self, registration_id: str, allowances: Sequence[Allowance], *, now: datetime) -> int:
        """Count one mail of a registration, unless that is more than any of the allowances has room for.

        Returns:
            0 when it was counted, else the seconds until there is room.
        """

    async def spend_for_address(self, address: str, allowances: Sequence[Allowance], *, now: datetime) -> int:
        """Likewise for one mail to an address, whoever has it sent; the store does not get to know the address."""
