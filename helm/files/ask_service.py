"""Whether the server answers through its Service and publishes the URLs that it was told to: `helm test`."""

import json
import os
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

SECONDS = 30


def read(url: str) -> bytes:
    """What the server answers; tried again for half a minute, as name and endpoints may still be on their way.

    Raises:
        OSError: It does not answer with 200.
    """
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urlopen(url, timeout=5) as answer:  # noqa: S310 -- the URL of our own Service
                return answer.read()
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def main() -> None:
    """Ask, and say what is wrong."""
    service, public = os.environ["SERVICE_URL"], os.environ["PUBLIC_URL"].rstrip("/")
    read(f"{service}/readyz")
    issuer = json.loads(read(f"{service}/.well-known/oauth-authorization-server"))["issuer"]
    if issuer != public:
        sys.exit(f"The server publishes {issuer} instead of {public}.")
    metadata = json.loads(read(f"{service}/.well-known/cds-server-metadata.json"))
    sys.stdout.write(f"{metadata['name']} is at your service on {public}.\n")


if __name__ == "__main__":
    main()
