"""Something fetched that stays good for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Fetches when it is asked for something that it does not have, or no longer; many who ask at once share a fetch.

    Args:
        fetch: What to do. Its errors reach everybody who waits, and are not remembered.
        lifetime_seconds: How long its result stays good.
        clock: Seconds that never go backwards.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[T]], *, lifetime_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._lifetime_seconds = lifetime_seconds
        self._clock = clock
        self._kept: tuple[float, T] | None = None
        self._fetching: asyncio.Task[T] | None = None

    async def get(self, *, fresh: bool = False) -> T:
        """The result, fetched now if it has to be `fresh`."""
        if self._kept and not fresh and self._clock() < self._kept[0]:
            return self._kept[1]
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._refresh())
            self._fetching.add_done_callback(self._done)
        # Whoever stops waiting must not stop it for the others.
        return await asyncio.shield(self._fetching)

    async def _refresh(self) -> T:
        result = await self._fetch()
        self._kept = (self._clock() + self._lifetime_seconds, result)
        return result

    def _done(self, fetching: asyncio.Task[T]) -> None:
        self._fetching = None
        if not fetching.cancelled():
            # Looked at, so that asyncio does not complain when nobody waits for it any more.
            fetching.exception()
