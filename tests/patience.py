"""How long tests wait for what has to happen at some time: far longer than it takes, so that only a hang meets it.

Nothing fails because the machine is busy. What has to be quick is said by the test that is about it.
"""

from typing import Any, Final

import httpx

SECONDS: Final = 120.0


def wait_for_answers() -> None:
    """Let clients of httpx that do not say how long they wait do so for as long as that; its own word is 5 seconds."""
    callers: tuple[Any, ...] = (httpx.Client.__init__, httpx.AsyncClient.__init__)
    for caller in (*callers, httpx.get, httpx.post, httpx.put, httpx.patch, httpx.delete, httpx.request):
        caller.__kwdefaults__["timeout"] = httpx.Timeout(SECONDS)
