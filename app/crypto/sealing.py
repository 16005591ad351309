"""Client secrets at rest: sealed with a key that is not in the store, and bound to the Credential they belong to.

A sealed secret is a compact JWE (RFC 7516; `dir` and `A256GCM`). Its protected header names the key (`kid`) and the
`credential_id`, so a sealed secret that was copied to another Credential does not open.

joserfc opens them. They are put together here, because a registration seals one per Client Object and the general way,
which works everything out anew for each, takes five times as long.
"""

import base64
import binascii
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.registry import HeaderParameter

from app.errors import ServerError

ALGORITHMS = ("dir", "A256GCM")
BINDING = "credential_id"

_NONCE_BYTES: Final = 12
"""96 random bits per secret, as RFC 7518 5.3 wants them."""
_TAG_BYTES: Final = 16
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def never() -> None:
    """Keys that do not change."""


class Sealer:
    """Seals with the first of `keys` (256-bit `oct` JWKs with a `kid`) and opens with all of them.

    Args:
        keys: The keys to begin with.
        changed: Asked before something is sealed and when the key of something sealed is not known: the keys that are
            to be used from now on, or None when they are the same as before. Quick, because it is asked often.
    """

    def __init__(self, keys: Sequence[OctKey], changed: Callable[[], Sequence[OctKey] | None] = never) -> None:
        self._changed = changed
        self._use(keys)
        self._registry = jwe.JWERegistry(
            header_registry={
                BINDING: HeaderParameter("The Credential that the secret belongs to", "str", required=True)
            },
            algorithms=ALGORITHMS,
        )

    def seal(self, plain: str, *, credential_id: str) -> str:
        """`plain` as it may stand in the store."""
        return self.seal_all([(credential_id, plain)])[0]

    def seal_all(self, secrets: Sequence[tuple[str, str]]) -> list[str]:
        """Secrets as they may stand in the store: those of these Credentials, given as pairs of id and secret."""
        self._follow()
        nonces = os.urandom(_NONCE_BYTES * len(secrets))
        return [
            self._seal(credential_id, plain.encode(), nonces[_NONCE_BYTES * at : _NONCE_BYTES * (at + 1)])
            for at, (credential_id, plain) in enumerate(secrets)
        ]

    def _seal(self, credential_id: str, plain: bytes, nonce: bytes) -> str:
        header = _encoded(self._header + msgspec.json.encode(credential_id) + b"}")
        sealed = self._cipher.encrypt(nonce, plain, header)
        parts = (header, b"", _encoded(nonce), _encoded(sealed[:-_TAG_BYTES]), _encoded(sealed[-_TAG_BYTES:]))
        return b".".join(parts).decode()

    def open(self, sealed: str, *, credential_id: str) -> str:
        """What was sealed for this Credential.

        Raises:
            ServerError: The key is not at hand any more, the text was changed, or it belongs to another Credential.
        """
        kid = header_of(sealed).get("kid")
        key = self._key(kid) or (self._follow() and self._key(kid))
        if not key:
            raise unreadable(credential_id, "CDS_SECRET_KEYS has no key of this kid")
        try:
            opened = jwe.decrypt_compact(sealed, key, registry=self._registry)
        except (JoseError, ValueError) as error:
            raise unreadable(credential_id, type(error).__name__) from error
        if opened.headers()[BINDING] != credential_id or opened.plaintext is None:
            raise unreadable(credential_id, "it was sealed for another Credential")
        return opened.plaintext.decode()

    def needs_rotation(self, sealed: str) -> bool:
        """Whether it was sealed with another key than the first, so that sealing it again lets an old key go."""
        return bool(header_of(sealed).get("kid") != self._first.kid)

    def _key(self, kid: object) -> OctKey | None:
        return self._by_id.get(kid) if isinstance(kid, str) else None

    def _follow(self) -> bool:
        """Take over the keys of now; whether they are others than before."""
        keys = self._changed()
        if keys is None:
            return False
        self._use(keys)
        return True

    def _use(self, keys: Sequence[OctKey]) -> None:
        self._first = keys[0]
        self._by_id = {key.kid: key for key in keys}
        self._cipher = AESGCM(self._first.raw_value)
        named = msgspec.json.encode({"alg": ALGORITHMS[0], "enc": ALGORITHMS[1], "kid": self._first.kid, BINDING: ""})
        self._header = named.removesuffix(b'""}')


def _encoded(part: bytes) -> bytes:
    """base64url without the padding at its end (RFC 7515 2)."""
    return binascii.b2a_base64(part, newline=False).translate(_URL_SAFE).rstrip(b"=")


def header_of(sealed: str) -> dict[str, Any]:
    """The protected header, unchecked; empty when there is none to read."""
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(sealed.partition(".")[0] + "=="))
    except (ValueError, msgspec.DecodeError):
        return {}
    return header if isinstance(header, dict) else {}


def unreadable(credential_id: str, reason: str) -> ServerError:
    """The refusal for a sealed secret that does not open; the log tells which and why."""
    return ServerError(
        "A stored client_secret cannot be read.", detail=f"sealed secret of Credential {credential_id}: {reason}"
    )
