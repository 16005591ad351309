"""Put the user and the password of the store into its URL, percent-encoded, where the server finds them.

An init container runs this once per pod. The result goes into a file `.env` on a volume that is in memory and that only
this pod has; the server reads it because it is started there. That way a password may hold any character.

Reads STORE_URL, and for the store and its sentinels each (STORE_, SENTINEL_) USERNAME and PASSWORD, of which those that
are empty count as absent.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote


def with_credentials(environ: Mapping[str, str]) -> str:
    """The URL of the store with what its servers and its sentinels want to hear."""
    scheme, _, rest = environ["STORE_URL"].partition("://")
    user, password = credentials("STORE", environ)
    if user or password:
        rest = f"{quote(user, safe='')}:{quote(password, safe='')}@{rest.rpartition('@')[2]}"
    user, password = credentials("SENTINEL", environ)
    options = {"sentinel_username": user, "sentinel_password": password}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items() if value)
    joint = "&" if "?" in rest else "?"
    return f"{scheme}://{rest}{joint * bool(query)}{query}"


def credentials(whose: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """User and password of the store or of its sentinels; "" for what there is not."""
    return environ.get(f"{whose}_USERNAME", ""), environ.get(f"{whose}_PASSWORD", "")


def main() -> None:
    """Write the file, readable by its owner alone."""
    url = with_credentials(os.environ)
    target = Path(".env")
    target.touch(mode=0o600)
    target.write_text(f"CDS_STORE_URL='{url.replace(chr(39), '%27')}'\n", encoding="utf-8")


if __name__ == "__main__":
    main()
