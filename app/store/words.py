"""The words by which registrations are found.

Letters without case and accents, so that "muller" finds Müller. Names fall into words at every other character; an
e-mail address and a host are one word as a whole and one for each of their parts, so that both "meadow.ex" and "meadow"
find https://www.meadow.example/.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from app.crypto.tokens import local_id
from app.domain.records import AnyObject
from app.schemas.clients import Client
from app.schemas.registrations import Registration

MAX_WORD_LENGTH: Final = 64
"""Characters of a word that count."""

MAX_WORDS: Final = 100
"""Words of one object; what a Client writes beyond that does not find it."""

MAX_TERMS: Final = 10
"""Words of one search."""

WORDS: Final = b"~"
"""The field of `:o` that has the words of a registration (see `words.lua`)."""

_SCANNED: Final = 2_000
"""Characters of one value that are looked through."""

_WORD: Final = re.compile(r"[^\W_]+")
_WHOLE: Final = re.compile(r"[^\s@]+@[^\s@]+|[^\W_]+(?:[.-][^\W_]+)*\.[^\W_]+")
"""What is a word as a whole too: an e-mail address, or something with dots in it such as a host."""

_HOST: Final = re.compile(r"https?://([^/?#\s]+)")
_OUTER: Final = "\"'`.,;:!?<>()[]{}"
_NOT_TELLING: Final = frozenset({"www", "https", "http"})


def words_of(item: AnyObject) -> list[str]:
    """The words of a Registration or a Client Object, each once; no other object has any.

    A Client Object that was given no name goes by its client_id, which says nothing new.
    """
    match item:
        case Registration():
            return words_of_registration(item.registration_id, item.client_metadata, item.field_values)
        case Client():
            about = {name: getattr(item, name) for name in _CLIENT_FIELDS}
            texts = [one for one in (*_texts(about), *_texts(item.extra)) if one != item.client_id]
        case _:
            return []
    return _words_in(texts)


def words_of_registration(
    registration_id: str, client_metadata: Mapping[str, Any], field_values: Mapping[str, Any]
) -> list[str]:
    """The words of a Registration with these values, each once."""
    return _words_in([registration_id, *_texts(client_metadata), *_texts(field_values)])


def _words_in(texts: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for text in texts:
        found |= dict.fromkeys(_words(text))
        if len(found) >= MAX_WORDS:
            break
    return list(found)[:MAX_WORDS]


def changed_words(item: Registration | Client, old: Registration | Client) -> list[str] | None:
    """The words of an object; None when they are those that it had."""
    before, after = words_of(old), words_of(item)
    return None if before == after else after


class NewWords(NamedTuple):
    """The words of a new registration, laid out here because that is quicker than in the store.

    Its Client Objects say what it says itself, so that they have no words of their own until they are changed.
    """

    text: bytes
    """What the field `WORDS` has of it."""
    found: list[bytes]
    """Pairs of the position 0 and the entry of the index, for each word."""


NO_WORDS: Final = NewWords(b"", [])


def of_new_registration(registration_id: str, words: Sequence[str]) -> NewWords:
    """The words of a new registration, as the store takes them (see `words.lua`)."""
    ending = f"\n{registration_id}\nr"
    found = [part for word in words for part in (b"0", f"{word}{ending}".encode())]
    return NewWords("\n".join(("\1r", *words, "")).encode(), found)


_CLIENT_FIELDS: Final = ("client_name", "contacts", "client_uri", "logo_uri", "tos_uri", "policy_uri")


def terms_of(query: str) -> list[str]:
    """What somebody looks for: beginnings of words, all of which a registration has to have.

    An id of a Client Object, Message, Credential or Grant, or a URL that ends with one, stands for its registration.
    """
    found: dict[str, None] = {}
    for chunk in _folded(query[:_SCANNED]).split():
        found |= dict.fromkeys(_terms(chunk))
    return list(found)[:MAX_TERMS]


def _terms(chunk: str) -> Iterable[str]:
    own = local_id(chunk.rpartition("/")[2])
    if own:
        return [own.registration_id]
    host = _HOST.match(chunk)
    chunk = (host[1] if host else chunk).strip(_OUTER)
    if _WHOLE.fullmatch(chunk):
        return [chunk[:MAX_WORD_LENGTH]]
    return (word[:MAX_WORD_LENGTH] for word in _WORD.findall(chunk))


def _texts(values: Mapping[str, Any]) -> Iterator[str]:
    """Every string in a mapping, also those in lists and objects; numbers and truths say nothing about anybody."""
    waiting = list(values.values())[::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value[:_SCANNED]
        elif isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            waiting.extend(reversed(value.values()))


def _words(text: str) -> Iterator[str]:
    for chunk in _folded(text).split():
        host = _HOST.match(chunk)
        if host:
            yield from _host_words(host[1])
            continue
        whole = chunk.strip(_OUTER)
        if _WHOLE.fullmatch(whole):
            yield whole[:MAX_WORD_LENGTH]
            local, at, domain = whole.rpartition("@")
            if at:
                yield from _parts(local)
                yield from _host_words(domain)
                continue
        yield from _parts(whole)


def _host_words(host: str) -> Iterator[str]:
    """A host, and what is telling about it: neither `www` nor the last label."""
    host = host.rpartition("@")[2].partition(":")[0]
    yield host[:MAX_WORD_LENGTH]
    yield from _parts(host.rpartition(".")[0])


def _parts(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        if word not in _NOT_TELLING:
            yield word[:MAX_WORD_LENGTH]


def _folded(text: str) -> str:
    """Without case and accents: folded again at the end, because some letters only then have come apart."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one)).casefold()
