"""Operations that read, decide and write, while others change the same objects."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from app.errors import AlreadyDecided, Conflict

T = TypeVar("T")

ATTEMPTS: Final = 3
"""How often an operation is tried when others keep getting in between."""


async def until_written(operation: Callable[[], Awaitable[T]]) -> T:
    """Run an operation that reads, decides and writes; start again from its reading when someone else wrote first.

    Raises:
        AlreadyDecided: From the operation, at once.
        Conflict: The last of `ATTEMPTS` came too late as well.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return await operation()
        except AlreadyDecided:
            raise
        except Conflict:
            continue
    return await operation()
