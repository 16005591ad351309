"""From `CDS_FILES_URL` to an opened place for bytes.

Buckets take their credentials from the environment, each under the names of its own cloud (`AWS_*`, `GOOGLE_*`,
`AZURE_*`) or from the machine's identity; a URL never holds any.
"""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from app.errors import ConfigurationError
from app.files.directories import directory_of

if TYPE_CHECKING:
    from obstore.store import RetryConfig  # exists for type checkers only

BUCKETS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL",
    "gs": "GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""The kinds of bucket, and where each finds its credentials unless the machine has an identity."""

RETRIES: "RetryConfig" = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
}
"""A request waits for us meanwhile, so the library's patience of three minutes is far too long."""


def open_location(files_url: str) -> tuple[ObjectStore, Path | None]:
    """Open what `files_url` names; the directory comes with it when it is one.

    Buckets are not contacted: a wrong key shows at the first use, as `StoreUnavailable`.

    Raises:
        ConfigurationError: The URL is of no known kind, the directory cannot be used, or credentials are missing.
    """
    kind, _, rest = files_url.partition(":")
    if files_url == "memory:":
        return MemoryStore(), None
    if directory := directory_of(files_url):
        return LocalStore(directory), directory
    if kind in BUCKETS and rest.startswith("//"):
        return open_bucket(files_url, kind), None
    raise ConfigurationError(
        ["CDS_FILES_URL needs file:PATH, memory:, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX."]
    )


def open_bucket(files_url: str, kind: str) -> ObjectStore:
    """The bucket and prefix that `files_url` names.

    Raises:
        ConfigurationError: No bucket is named, the URL carries more than bucket and prefix, or the credentials that
            the environment holds are missing or malformed.
    """
    accepted = f"{kind}://{'CONTAINER' if kind == 'az' else 'BUCKET'}/PREFIX"
    parts = urlsplit(files_url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            [f"CDS_FILES_URL needs {accepted} and nothing else; credentials belong into {BUCKETS[kind]}."]
        )
    if not parts.netloc:
        raise ConfigurationError([f"CDS_FILES_URL names no bucket; write {accepted}."])
    try:
        return from_url(files_url, retry_config=RETRIES)
    except (BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ConfigurationError(
            [f"CDS_FILES_URL cannot be opened: {reason}. Credentials come from {BUCKETS[kind]}."]
        ) from error
