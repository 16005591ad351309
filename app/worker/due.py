"""What is due happens, also when nobody asks about it.

An object stays due until a change of it says else, so whatever a process that died has left is found by the next one;
and whoever settles something looks first whether that is still needed, so that many may do it at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from app.crypto.tokens import local_id
from app.domain.client_status import finish
from app.domain.context import Context
from app.domain.credential_notices import notify
from app.domain.directory import Directory, Due
from app.domain.grant_times import settle_due
from app.domain.onboarding_links import renew
from app.domain.records import Access, Change
from app.errors import Conflict, NotFound, StoreUnavailable

BATCH: Final = 100
PATIENCE: Final = timedelta(minutes=5)
"""How long something rests that is due for the same reason as before, because settling it has failed."""

Settle = Callable[[Context, str, str, datetime], Awaitable[None]]
"""Given the registration_id, the id of the object and the time."""

_log: Any = structlog.get_logger("app.worker")


async def _settle_grants(context: Context, registration_id: str, _grant_id: str, now: datetime) -> None:
    await settle_due(context, registration_id, now)


async def _finish_client(context: Context, registration_id: str, client_id: str, now: datetime) -> None:
    await finish(context, Access(registration_id, now), client_id)


async def _renew_link(context: Context, registration_id: str, message_id: str, now: datetime) -> None:
    await renew(context, registration_id, message_id, now)


SETTLERS: Final[Mapping[str, Settle]] = {"g": _settle_grants, "c": notify, "m": _renew_link}
"""By the first letter of a local id; Client Objects, which are numbered, are finished."""


@dataclass(slots=True)
class Settling:
    """Settles what is due in any registration."""

    context: Context
    directory: Directory
    name: str = "due"
    interval_seconds: float = 5.0
    _tried: dict[Due, datetime] = field(default_factory=dict)

    async def run_once(self, now: datetime) -> bool:
        """See `Job.run_once`."""
        found = await self.directory.due(now, limit=BATCH + len(self._tried))
        tried = {due: self._tried[due] for due in found if due in self._tried and self._tried[due] > now - PATIENCE}
        todo = [due for due in found if due not in tried]
        self._tried = tried | dict.fromkeys(todo, now)
        await _all([self._settle_in_turn(dues, now) for dues in _by_registration(_without_twins(todo))])
        return bool(todo)

    async def _settle_in_turn(self, dues: Sequence[Due], now: datetime) -> None:
        """What is due in one registration, one after the other: each of them may change the Registration itself."""
        try:
            for due in dues:
                await self._settle(due, now)
        except StoreUnavailable:
            for due in dues:
                self._tried.pop(due, None)
            raise

    async def _settle(self, due: Due, now: datetime) -> None:
        try:
            await settler_of(due.object_id)(self.context, due.registration_id, due.object_id, now)
        except StoreUnavailable:
            raise
        except Conflict:  # others are about it at this moment, so the next step finds it done, or does it
            self._tried.pop(due, None)
        except NotFound:
            change = Change(due.registration_id, now)
            change.remind(due.object_id, None)
            await self.context.records.apply(change)
        except Exception as error:  # noqa: BLE001 -- what is wrong with one must not keep others waiting
            facts = {"registration_id": due.registration_id, "object_id": due.object_id}
            _log.error("due_not_settled", **facts, exc_info=error)


def settler_of(object_id: str) -> Settle:
    """What to do about an object that is due."""
    parts = local_id(object_id)
    return SETTLERS.get(parts.local[0] if parts else "", _finish_client)


def _without_twins(todo: list[Due]) -> list[Due]:
    """The Grants of a registration are settled together."""
    kept: dict[tuple[str, str], Due] = {}
    for due in todo:
        is_grant = settler_of(due.object_id) is _settle_grants
        kept.setdefault((due.registration_id, "" if is_grant else due.object_id), due)
    return list(kept.values())


def _by_registration(dues: Iterable[Due]) -> Iterable[list[Due]]:
    kept: dict[str, list[Due]] = {}
    for due in dues:
        kept.setdefault(due.registration_id, []).append(due)
    return kept.values()


async def _all(steps: list[Awaitable[None]]) -> None:
    """All of them, to their end, before any error is told."""
    for one in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(one, BaseException):
            raise one
