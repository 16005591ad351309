"""How long tests wait for what has to happen at some time: far longer than it takes, so that only a hang meets it.

Nothing fails because the machine is busy. What has to be quick is said by the test that is about it.
"""

import functools
import os
import ssl
from typing import Any, Final

import httpx
from httpx._transports import default

SECONDS: Final = 120.0


def wait_for_answers() -> None:
    """Let clients of httpx that do not say how long they wait do so for as long as that; its own word is 5 seconds."""
    callers: tuple[Any, ...] = (httpx.Client.__init__, httpx.AsyncClient.__init__)
    for caller in (*callers, httpx.get, httpx.post, httpx.put, httpx.patch, httpx.delete, httpx.request):
        caller.__kwdefaults__["timeout"] = httpx.Timeout(SECONDS)


def read_certificates_once() -> None:
    """Let clients of httpx share the usual certificates: to read them takes longer than hundreds of requests."""
    make = default.create_ssl_context

    @functools.cache
    def usual(trust_env: bool, *_environment: str | None) -> ssl.SSLContext:
        return make(trust_env=trust_env)

    def shared(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        if verify is not True or cert is not None:
            return make(verify=verify, cert=cert, trust_env=trust_env)
        return usual(trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    default.create_ssl_context = shared
