"""Put the user and the password of the store into its URL, percent-encoded, where the server finds them.

An init container runs this once per pod. The result goes into a file `.env` on a volume that is in memory and that only
this pod has; the server reads it because it is started there. That way a password may hold any character, and may come
from a file that something else has put into the pod.

Reads STORE_URL, and for the store and its sentinels each (STORE_, SENTINEL_) USERNAME, PASSWORD and PASSWORD_FILE, of
which those that are empty count as absent.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote


def with_credentials(environ: Mapping[str, str]) -> str:
    """The URL of the store with what its servers and its sentinels want to hear.

    Raises:
        OSError: A file of a password cannot be read.
    """
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
    """User and password of the store or of its sentinels; "" for what there is not.

    Raises:
        OSError: The file of the password cannot be read.
    """
    password = environ.get(f"{whose}_PASSWORD", "")
    if file := environ.get(f"{whose}_PASSWORD_FILE"):
        password = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    return environ.get(f"{whose}_USERNAME", ""), password


def main() -> None:
    """Write the file, readable by its owner alone."""
    try:
        url = with_credentials(os.environ)
    except OSError as error:
        sys.exit(f"The password of the store cannot be read: {error.filename}: {error.strerror}.")
    target = Path(".env")
    target.touch(mode=0o600)
    target.write_text(f"CDS_STORE_URL='{url.replace(chr(39), '%27')}'\n", encoding="utf-8")


if __name__ == "__main__":
    main()
