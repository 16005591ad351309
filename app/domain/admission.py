"""Letting in those who have proved who they are, which a rate limit may refuse."""

from collections.abc import Awaitable, Callable

Admitted = Callable[[], Awaitable[None] | None]
"""Called when a caller has proved who it is; may refuse, at once or when what it returns is awaited."""


async def admit(admitted: Admitted) -> None:
    """Let somebody in.

    Raises:
        TooManyRequests: The caller has used up its allowance.
    """
    if (asking := admitted()) is not None:
        await asking
