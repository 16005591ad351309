"""A process that counts: `python -m tests.limit_process URL…`.

It says `ready`, waits for a line with the number of hits, makes them all at once under every limit on every store, and
prints how many got through: a JSON object of numbers by URL and limit.
"""

import asyncio
import json
import sys
import time

from app.errors import TooManyRequests
from app.setting_values import RateLimit
from app.store.allowances import SCRIPTS, RedisPortions
from app.store.connect import StoreConnection, connect
from app.store.connection import Connection
from app.web.rate_limit import RateLimiter

LIMITS = {"small": RateLimit(5, 86400), "middling": RateLimit(90, 86400), "large": RateLimit(600, 86400)}
"""Of a day, so that nothing comes back while a test runs."""


async def passed(limiter: RateLimiter, key: str, hits: int) -> int:
    """How many of so many hits at once get through."""

    async def hit() -> bool:
        try:
            if (asking := limiter.hit(key)) is not None:
                await asking
        except TooManyRequests:
            return False
        return True

    return sum(await asyncio.gather(*(hit() for _ in range(hits))))


def say(line: str) -> None:
    """Tell whoever has started the process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(urls: list[str]) -> None:
    """Count on the stores of these URLs."""
    opened: list[tuple[StoreConnection, Connection]] = []
    for url in urls:
        store = await connect(url)
        opened.append((store, Connection(store.client)))
        await opened[-1][1].load(SCRIPTS)
    say("ready")
    hits = int(await asyncio.to_thread(sys.stdin.readline))
    found = {}
    for url, (store, connection) in zip(urls, opened, strict=True):
        for name, limit in LIMITS.items():
            limiter = RateLimiter(limit, time.monotonic, name, RedisPortions(connection))
            found[f"{name} {url}"] = await passed(limiter, "192.0.2.7", hits)
        await connection.close()
        await store.close()
    say(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
