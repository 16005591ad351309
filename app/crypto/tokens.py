"""Ids, secrets and tokens: how they are made, what they carry in clear and how they are found again.

A registration_id is two hexadecimal digits (its shard) and twelve random characters. Every id and every token that
leaves the house begins with it, so whoever holds one of them knows where to look and cannot name a place in another
registration. Secrets and tokens have a prefix of ours, so that secret scanners recognise them.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import string
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_PAIRS = [first + second for second in _ALPHABET for first in _ALPHABET]
_REGISTRATION_ID = r"[0-9a-f]{2}[0-9a-z]{12}"
_ID = re.compile(rf"({_REGISTRATION_ID})(?:-([0-9a-z]{{1,20}}))?")
_FILE_ID = re.compile(r"f[0-9a-z]{1,40}")
_OF_32 = _ALPHABET.encode() * 8
_OF_64 = (string.ascii_letters + string.digits + "-_").encode() * 4
"""Tables that make a character of every random byte, each as likely as the others."""

_ID_LENGTH = 10
_SECRET_LENGTH = 43
_SECRET_BYTES = 32
_CLIENT_SECRET = "cdscs_"  # noqa: S105 -- how they begin
_OPAQUE = "cdsat_"
_ACCESS_TOKEN = re.compile(rf"{_OPAQUE}({_REGISTRATION_ID})_[A-Za-z0-9_-]{{43}}")
_JTI = re.compile(rf"({_REGISTRATION_ID})_[A-Za-z0-9_-]{{22}}")
_HANDLE = re.compile(rf"(cds[a-z]{{2}})_({_REGISTRATION_ID})_[A-Za-z0-9_-]{{43}}")
_REFRESH_TOKEN = re.compile(rf"(cdsrt_({_REGISTRATION_ID})_([A-Za-z0-9_-]{{22}}))[A-Za-z0-9_-]{{43}}")
_OPERATOR_KEY = re.compile(r"cdsop_[A-Za-z0-9_-]{43}")
_OPERATOR_SESSION = re.compile(r"cdsos_[A-Za-z0-9_-]{43}")
_SESSION = re.compile(r"cdsus_([0-9a-f]{2})_[A-Za-z0-9_-]{43}")
_SIGN_IN = re.compile(r"cdssi_([0-9a-f]{2})_[A-Za-z0-9_-]{43}")

REGISTRATION_ID_LENGTH = 14
CLIENT_SECRET = "client_secret"  # noqa: S105 -- what it is called
LINK_KEY = "link_key"
ADMIN = "0"
"""The local id of the Client Object that has no suffix: the one scoped to cds_client_admin."""


class Handle(StrEnum):
    """The kinds of handles that stand for something in a registration; the value is how they begin."""

    PUSHED_REQUEST = "cdspr"
    TRANSACTION = "cdsax"
    AUTHORIZATION_CODE = "cdsac"


class RefreshTokenParts(NamedTuple):
    """What a refresh token says: whose it is, and the family that it shares with all that it is exchanged for."""

    registration_id: str
    family: str


class LocalId(NamedTuple):
    """An id taken apart: whose it is, and which of theirs (`3`, `m4k…`; "0" for the admin Client Object)."""

    registration_id: str
    local: str


class Randomness:
    """Where ids, secrets and tokens come from; tests pass one that they can foresee."""

    def registration_id(self) -> str:
        """Two hexadecimal digits for the shard, sixty random bits for the rest."""
        number = int.from_bytes(secrets.token_bytes(9), "big")
        shard, rest = number & 0xFF, number >> 8
        return f"{shard:02x}" + _characters(rest, 12)

    def object_id(self, registration_id: str, kind: str) -> str:
        """An id inside a registration: `kind` is `m`, `c` or `g`; fifty random bits."""
        return f"{registration_id}-{kind}{os.urandom(_ID_LENGTH).translate(_OF_32).decode()}"

    def several(self, kinds: Sequence[str]) -> list[str]:
        """What a registration needs, drawn at once, because asking the kernel is most of what each of them takes.

        Args:
            kinds: `client_secret`, `link_key`, or the letter of an object_id, of which this is what comes after the
                registration_id.
        """
        lengths = [_SECRET_LENGTH if kind in {CLIENT_SECRET, LINK_KEY} else _ID_LENGTH for kind in kinds]
        drawn, at, made = os.urandom(sum(lengths)), 0, []
        in_32, in_64 = drawn.translate(_OF_32).decode(), drawn.translate(_OF_64).decode()
        for kind, length in zip(kinds, lengths, strict=True):
            start, at = at, at + length
            if kind == CLIENT_SECRET:
                made.append(_CLIENT_SECRET + in_64[start:at])
            else:
                made.append(in_64[start:at] if kind == LINK_KEY else kind + in_32[start:at])
        return made

    def file_id(self) -> str:
        """An id for a Server-Provided File, which no registration owns."""
        return f"f{_characters(secrets.randbits(80), 16)}"

    def broadcast_id(self) -> str:
        """An id for a broadcast, which no registration owns."""
        return f"b{_characters(secrets.randbits(80), 16)}"

    def webhook_id(self) -> str:
        """An id for a webhook, which no registration owns."""
        return f"w{_characters(secrets.randbits(50), 10)}"

    def webhook_secret(self) -> str:
        """256 random bits as Standard Webhooks writes them; the prefix is theirs, and secret scanners know it."""
        return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"

    def client_secret(self) -> str:
        """256 random bits behind a prefix of ours."""
        return _CLIENT_SECRET + _written(os.urandom(_SECRET_BYTES))

    def access_token(self, registration_id: str) -> str:
        """An opaque access token of that registration."""
        return f"cdsat_{registration_id}_{_written(os.urandom(_SECRET_BYTES))}"

    def jti(self, registration_id: str) -> str:
        """The id of an access token that is a JWT: 128 random bits, because it is unique and no secret."""
        return f"{registration_id}_{secrets.token_urlsafe(16)}"

    def handle(self, kind: Handle, registration_id: str) -> str:
        """A new handle of that kind in that registration."""
        return f"{kind}_{registration_id}_{secrets.token_urlsafe(32)}"

    def refresh_token(self, registration_id: str) -> str:
        """The first refresh token of a new family: 128 random bits for the family, 256 for the token."""
        return f"cdsrt_{registration_id}_{secrets.token_urlsafe(16)}{secrets.token_urlsafe(32)}"

    def nonce(self) -> str:
        """128 random bits for whatever has to happen once."""
        return secrets.token_urlsafe(16)

    def operator_key(self) -> str:
        """256 random bits behind a prefix of ours."""
        return f"cdsop_{secrets.token_urlsafe(32)}"

    def operator_session(self) -> str:
        """A handle for the session of an operator in the console."""
        return f"cdsos_{secrets.token_urlsafe(32)}"

    def session(self) -> str:
        """A handle for a user's session, which is in no registration but in a shard of its own choice."""
        return f"cdsus_{secrets.token_hex(1)}_{secrets.token_urlsafe(32)}"

    def sign_in(self) -> str:
        """A handle for a sign-in with the identity provider, in a shard of its own choice: the `state` of OAuth."""
        return f"cdssi_{secrets.token_hex(1)}_{secrets.token_urlsafe(32)}"

    def link_key(self) -> str:
        """256 random bits for a link that is a secret between those who have it and us."""
        return _written(os.urandom(_SECRET_BYTES))

    def mailed_code(self) -> str:
        """Eight digits that a person reads in one window and types into another; good for minutes and a few guesses."""
        return f"{secrets.randbelow(10**8):08d}"

    def receipt_confirmation(self) -> str:
        """A code that a person can read out: ten characters without look-alikes."""
        return _characters(secrets.randbits(50), 10).upper()


def _characters(number: int, length: int) -> str:
    """`number` in base 32 without look-alikes, its lowest `length` digits (an even number of them)."""
    return "".join([_PAIRS[(number >> (10 * place)) & 1023] for place in range(length // 2)])


def digest(secret: str) -> str:
    """What stands in the store for a secret or a token: SHA-256, URL-safe, 43 characters.

    The values are random 256-bit strings, so a plain digest is enough and a look-up by it tells a timer nothing about
    them.
    """
    return _written(hashlib.sha256(secret.encode()).digest())


def _written(number: bytes) -> str:
    """32 bytes in the 43 URL-safe characters that `secrets.token_urlsafe` makes of them, in a third of its time."""
    return binascii.b2a_base64(number, newline=False).translate(_URL_SAFE)[:43].decode()


def local_id(object_id: str) -> LocalId | None:
    """Take an id apart, or None when it is none of ours."""
    match = _ID.fullmatch(object_id)
    return LocalId(match[1], match[2] or ADMIN) if match else None


def full_id(registration_id: str, local: str) -> str:
    """The id that `local_id` takes apart into these two."""
    return registration_id if local == ADMIN else f"{registration_id}-{local}"


def file_id_of(text: str) -> str:
    """The id of the file that a request brings, known by this text, whenever it is repeated."""
    return f"f{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def is_file_id(text: str) -> bool:
    """Whether `text` has the shape of a file_id of ours."""
    return _FILE_ID.fullmatch(text) is not None


def registration_of_access_token(access_token: str) -> str | None:
    """The registration_id that an access token carries, or None when it does not have the shape of one."""
    match = _ACCESS_TOKEN.fullmatch(access_token)
    return match[1] if match else None


def registration_of_jti(jti: str) -> str | None:
    """The registration_id that the id of a JWT carries, or None when it does not have the shape of one."""
    match = _JTI.fullmatch(jti)
    return match[1] if match else None


def registration_of_reference(reference: str) -> str:
    """The registration_id in what the store knows an access token by: the token itself, or the `jti` of a JWT.

    Whoever asks has a reference that was found to be one (`app.domain.access_tokens`), or "", which is nobody's.
    """
    at = len(_OPAQUE) if reference.startswith(_OPAQUE) else 0
    return reference[at : at + REGISTRATION_ID_LENGTH]


def registration_of_handle(kind: Handle, handle: str) -> str | None:
    """The registration_id that a handle carries, or None when it does not have the shape of one of that kind."""
    match = _HANDLE.fullmatch(handle)
    return match[2] if match and match[1] == kind else None


def refresh_token_parts(refresh_token: str) -> RefreshTokenParts | None:
    """Take a refresh token apart, or None when it does not have the shape of one."""
    match = _REFRESH_TOKEN.fullmatch(refresh_token)
    return RefreshTokenParts(match[2], match[3]) if match else None


def next_refresh_token(refresh_token: str, nonce: str) -> str:
    """What a refresh token is exchanged for: of the same family, and the same again for the same nonce.

    So a lost answer can be given once more although the store has no token in clear. The nonce is in the store, the old
    token is not, and without both the new one cannot be found.
    """
    match = _REFRESH_TOKEN.fullmatch(refresh_token)
    if match is None:
        message = "not a refresh token"
        raise ValueError(message)
    secret = hmac.digest(refresh_token.encode(), nonce.encode(), "sha256")
    return match[1] + base64.urlsafe_b64encode(secret)[:43].decode()


def broadcast_id_of(operator: str, key: str) -> str:
    """The id of the broadcast that an operator began with this Idempotency-Key."""
    hashed = hashlib.sha256(f"{operator}\0{key}".encode()).digest()
    return f"b{_characters(int.from_bytes(hashed[:10], 'big'), 16)}"


def registration_id_of(text: str) -> str:
    """The registration_id that a form leads to which is known by this text, however often it is sent.

    Only those who know the text can foresee the id, so it has to be as hard to guess as a secret.
    """
    number = int.from_bytes(hashlib.sha256(f"registration {text}".encode()).digest()[:9], "big")
    return f"{number & 0xFF:02x}" + _characters(number >> 8, 12)


def is_operator_key(text: str) -> bool:
    """Whether `text` has the shape of an operator key."""
    return _OPERATOR_KEY.fullmatch(text) is not None


def is_operator_session(text: str) -> bool:
    """Whether `text` has the shape of the handle of an operator's session."""
    return _OPERATOR_SESSION.fullmatch(text) is not None


def shard_of(text: str) -> str:
    """The shard of what belongs to no registration and is found by this text."""
    return hashlib.sha256(text.encode()).hexdigest()[:2]


def code_of_transaction(transaction: str) -> str:
    """The authorization code that the transaction with this handle leads to, when its user approves.

    It is as hard to guess as the handle, which only the user's browser knows. That way a browser that sends the answer
    twice gets the same code twice, and no code has to be kept for that.
    """
    match = _HANDLE.fullmatch(transaction)
    if match is None or match[1] != Handle.TRANSACTION:
        message = "not the handle of a transaction"
        raise ValueError(message)
    return f"{Handle.AUTHORIZATION_CODE}_{match[2]}_{digest(f'code of {transaction}')}"


def shard_of_session(handle: str) -> str | None:
    """The shard that the handle of a session carries, or None when it does not have the shape of one."""
    match = _SESSION.fullmatch(handle)
    return match[1] if match else None


def shard_of_sign_in(handle: str) -> str | None:
    """The shard that the handle of a sign-in carries, or None when it does not have the shape of one."""
    match = _SIGN_IN.fullmatch(handle)
    return match[1] if match else None
