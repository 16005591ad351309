"""Looks whether somebody listens, without what httpx loads for each look of that kind: certificates, for 20 ms."""

import http.client
from typing import NamedTuple

PATIENCE_SECONDS = 120.0


class Probed(NamedTuple):
    """What came back; the status is 0 when nobody listens."""

    status: int
    text: str = ""


def probe(port: int, path: str) -> Probed:
    """GET from a port of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return Probed(answer.status, answer.read().decode())
    except (OSError, http.client.HTTPException):
        return Probed(0)
    finally:
        connection.close()
