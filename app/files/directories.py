"""The directory that `CDS_FILES_URL` may name."""

import os
from pathlib import Path

from app.errors import ConfigurationError


def directory_of(files_url: str) -> Path | None:
    """The directory that `files_url` names, ready for use; None when it names none.

    Raises:
        ConfigurationError: It cannot be used.
    """
    kind, _, rest = files_url.partition(":")
    path = rest.removeprefix("//")
    return usable_directory(Path(path)) if kind == "file" and path else None


def usable_directory(path: Path) -> Path:
    """The absolute path of the directory, made if it is missing, readable by its owner alone.

    Raises:
        ConfigurationError: It cannot be made, is no directory, or is not writable.
    """
    directory = path.absolute()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            [f"CDS_FILES_URL names {directory}, which cannot be made a directory: {error.strerror}."]
        ) from error
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(
            [f"CDS_FILES_URL names {directory}, which this user (uid {os.getuid()}) may not write to."]
        )
    return directory
