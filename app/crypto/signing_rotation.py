"""A new signing key, while servers run and nobody's token is refused for a moment.

All that happens is one change of the file of keys; the rest follows from the times in it. Running servers read the file
when it has changed, publish the new key at once and sign with it from its `nbf` on. By then no verifier has a copy of
the published keys that lacks it. The old key stays published until every token that it has signed is over.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.crypto.jwk_sets import read_keys_file
from app.crypto.key_files import changing, replace_file
from app.crypto.signing import Signer, SigningKey
from app.crypto.signing_keys import HOW_TO_MAKE_ONE, SETTING, keys_document, keys_path, new_key, parse_keys
from app.errors import ConfigurationError
from app.settings import Settings

LEAD_SECONDS: Final = 600
"""How long a key is published before it signs: twice as long as verifiers keep the published keys (see
`app.web.documents.CACHE_CONTROL`), which leaves time for every server to read the file."""

SLACK_SECONDS: Final = 86_400
"""How much longer than the longest token an old key stays: for clocks that differ, for servers that read the file late,
and for a `CDS_ACCESS_TOKEN_TTL` that has just been shortened."""

HOW_TO_ADD_ONE: Final = (
    f"CDS_SIGNING_KEYS holds the keys itself, so you have to add one. {HOW_TO_MAKE_ONE.partition(' > ')[0]}  "
    'Put it last in "keys" of every server and restart them. Ten minutes later put it first and restart them again. '
    "Take the old one out when the last token has expired"
)


def file_to_rotate(settings: Settings) -> Path | None:
    """The file whose keys can be rotated; None when nothing is ever signed.

    Raises:
        ConfigurationError: The keys are in the setting itself, where they cannot be changed.
    """
    path = keys_path(settings)
    if settings.signing_keys is not None:
        if path is None:
            raise ConfigurationError([f"{HOW_TO_ADD_ONE}."])
        return path
    return path if path and path.exists() else None


def rotate(
    path: Path,
    *,
    now: datetime,
    access_token_ttl_seconds: int,
    add: bool,
    tell: Callable[[str], None],
    lead_seconds: int = LEAD_SECONDS,
) -> None:
    """Put a new key into the file, which takes over in time, and take those out that are not needed any more.

    Args:
        path: See `file_to_rotate`.
        now: The present.
        access_token_ttl_seconds: How long the longest token lives.
        add: Whether there is to be a new key at all.
        tell: Told in sentences what was done.
        lead_seconds: How long the new key is published before it signs.

    Raises:
        ConfigurationError: The file cannot be read or replaced, or is being changed by another command.
    """
    second = int(now.timestamp())
    with changing(path):
        before = parse_keys(read_keys_file(path, SETTING), str(path))
        needed = [one for one in before if one.is_known(second)]
        after = needed
        if add:
            algorithm = Signer(needed).signing_key(second).algorithm
            fresh = new_key(algorithm, signs_from=second + lead_seconds)
            after = [fresh, *retired(needed, fresh.signs_from + access_token_ttl_seconds + SLACK_SECONDS)]
        if after != list(before):
            replace_file(path, keys_document(after))
    explain(path, before, after, tell)


def retired(keys: Sequence[SigningKey], forgotten_from: int) -> list[SigningKey]:
    """The keys with an end, unless they have one."""
    return [one if one.forgotten_from is not None else replace(one, forgotten_from=forgotten_from) for one in keys]


def explain(path: Path, before: Sequence[SigningKey], after: Sequence[SigningKey], tell: Callable[[str], None]) -> None:
    """Say what has become of each key."""
    known = {one.kid for one in before}
    for one in after:
        if one.kid not in known:
            tell(f"Key {one.kid} is in {path} now; it is published at once and signs from {moment(one.signs_from)} on.")
        elif one.forgotten_from is not None:
            tell(f"Key {one.kid} stays published until {moment(one.forgotten_from)}.")
    for gone in sorted(known - {one.kid for one in after}):
        tell(f"Key {gone} is gone from {path}; all that it signed is over.")


def moment(second: int) -> str:
    """A Unix second, for people."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
