"""Images and PDFs that are values of registration fields: where they are kept (ambiguities A5).

A key ends in a digest of the content, so that a file which is submitted again is recognized, and in random
characters, so that removing one never removes another.
"""

import hashlib

from app.crypto.tokens import Randomness
from app.domain.field_files import FieldFile


def new_key(randomness: Randomness, registration_id: str, field_name: str, file: FieldFile) -> str:
    """Where a file that was submitted now is to be put."""
    return f"registrations/{registration_id}/{field_name}/{_digest(file)}-{randomness.file_id()}"


def is_same_file(key: str, file: FieldFile) -> bool:
    """Whether the file under `key` has this content."""
    return _digest_in(key) == _digest(file)


def is_same_content(key: str, other: str) -> bool:
    """Whether the files under two keys have the same content."""
    return _digest_in(key) == _digest_in(other)


def _digest_in(key: str) -> str:
    return key.rpartition("/")[2].partition("-")[0]


def _digest(file: FieldFile) -> str:
    return hashlib.sha256(file.content).hexdigest()[:32]
