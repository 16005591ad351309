"""The server under test: found from one URL."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from app.conformance.checks import Violated
from app.conformance.formats import is_url
from app.conformance.wire import Answer, Document, Wire, is_loopback

WELL_KNOWN: Final = "/.well-known/cds-server-metadata.json"
OK: Final = 200
TELLING: Final = frozenset({"cds_metadata_version", "cds_metadata_url", "oauth_metadata", "coverage", "capabilities"})
"""Members by which a CDS server metadata object is recognised, however faulty it is."""


class CannotRunError(Exception):
    """There is nothing to check at that URL; the message says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The server under test."""

    url: str
    """As given, with a scheme."""
    metadata_url: str
    """Where its metadata object was found."""
    metadata: Answer

    @property
    def origin(self) -> str:
        """Scheme, host and port of the metadata URL."""
        parts = urlsplit(self.metadata_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def local(self) -> bool:
        """Whether it is on this machine, where TLS is not expected."""
        return is_loopback(self.metadata_url)

    @property
    def name(self) -> str:
        """What it calls itself, or its host."""
        name = self.metadata.find("name")
        return name if isinstance(name, str) and name.strip() else urlsplit(self.metadata_url).netloc


async def discover(wire: Wire, url: str) -> Subject:
    """Find the metadata object, given its own URL or a base URL.

    Raises:
        CannotRunError: The URL is none, nothing answers there, or what answers is no CDS server.
    """
    given = url if "://" in url else f"https://{url}"
    if not is_url(given):
        raise CannotRunError(f"{url!r} is no URL such as https://utility.example")
    tried: list[str] = []
    for candidate in candidates(given):
        try:
            answer = await wire.get(candidate, follow=True)
            found = described(answer)
        except Violated as problem:
            tried.append(problem.reason)
            continue
        if found is not None:
            return Subject(given, candidate, answer)
        tried.append(
            f"{candidate} answers {answer.status}"
            if answer.status != OK
            else f"{candidate} answers with JSON, but it is no CDS server metadata object"
        )
    raise CannotRunError(f"No CDS server was found at {url}: " + "; ".join(dict.fromkeys(tried)))


def candidates(url: str) -> list[str]:
    """Where the metadata object may be, the likeliest first."""
    parts = urlsplit(url)
    if parts.path.endswith(".json"):
        return [url]
    origin = f"{parts.scheme}://{parts.netloc}"
    base = f"{origin}{parts.path.rstrip('/')}"
    own = [url] if parts.path.strip("/") else []
    return list(dict.fromkeys([base + WELL_KNOWN, *own, origin + WELL_KNOWN]))


def described(answer: Answer) -> Document | None:
    """The metadata object of an answer, or None when it is some other JSON.

    Raises:
        Violated: It is no JSON object.
    """
    if not answer.ok:
        return None
    document = answer.object()
    return document if document.keys() & TELLING else None
