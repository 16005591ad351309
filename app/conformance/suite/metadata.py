"""CDS-WG1-01 sections 2, 3, 5 and 8: the server metadata object."""

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from app.conformance.checks import NoAnswer, Problems, Unavailable, check, refuse, require, skip_unless
from app.conformance.formats import is_country, is_media_type, is_url, objects, parse_datetime, shown, strings
from app.conformance.session import Session
from app.conformance.shapes import DATETIME, STRINGS, TEXT, URL, lacking, listed, misspelt, unknown
from app.conformance.subject import OK, WELL_KNOWN, described
from app.conformance.wire import Answer, Caller, Document

CLOCKS: Final = timedelta(minutes=5)
"""How far apart our clock and the server's may be."""

REQUIRED: Final = {
    "cds_metadata_version": TEXT,
    "cds_metadata_url": URL,
    "created": DATETIME,
    "updated": DATETIME,
    "name": TEXT,
    "description": TEXT,
    "website": URL,
    "documentation": URL,
    "support": URL,
    "capabilities": STRINGS,
}
PAGES: Final = ("website", "documentation", "support")
LINKS: Final = ("cds_metadata_url", *PAGES, "coverage", "oauth_metadata")
ENTRY_LINKS: Final = ("map_resource", "geojson_resource")
CAPABILITIES: Final = ("coverage", "oauth")
NOT_MODIFIED: Final = 304
CLIENT_ERRORS: Final = range(400, 500)


@check("WG1-01-2-01")
async def every_datetime_is_one_of_rfc_3339(session: Session) -> None:
    """In the metadata object and in the coverage entries."""
    metadata = await session.server_metadata()
    problems = Problems(metadata)
    for where, document in await published_objects(session):
        for name in ("created", "updated"):
            value = document.get(name)
            problems.note(
                value is None or parse_datetime(value), f"{where}: {name} is {shown(value)}, no RFC 3339 date-time"
            )
    problems.refuse()


@check("WG1-01-2-02")
async def every_url_country_and_media_type_is_well_formed(session: Session) -> None:
    """In the metadata object and in the coverage entries."""
    metadata = await session.server_metadata()
    problems = Problems(metadata)
    for where, document in await published_objects(session):
        for name in (*LINKS, *ENTRY_LINKS):
            value = document.get(name)
            problems.note(value is None or is_url(value), f"{where}: {name} is {shown(value)}, no absolute URL")
        for name, test, kind in (
            ("country", is_country, "ISO 3166 code of two letters"),
            ("map_content_type", is_media_type, "media type"),
        ):
            value = document.get(name)
            problems.note(name not in document or test(value), f"{where}: {name} is {shown(value)}, no {kind}")
    problems.refuse()


@check("WG1-01-3-01")
async def the_metadata_is_served_over_https(session: Session) -> None:
    """As is the canonical URL that it names; on a loopback address nobody expects that."""
    metadata = await session.server_metadata()
    skip_unless(not session.subject.local, "the server is on this machine, where TLS is not expected")
    canonical = metadata.object().get("cds_metadata_url")
    for url in (session.subject.metadata_url, canonical):
        require(urlsplit(str(url)).scheme == "https", f"{shown(url)} is no https URL", metadata)


@check("WG1-01-3-02")
async def a_get_of_the_metadata_answers_200_with_an_object(session: Session) -> None:
    """Not another status of success."""
    answer = await session.wire.get(session.subject.metadata_url, follow=True)
    require(answer.status == OK, f"the metadata is answered with {answer.status}, not 200", answer)
    answer.object()


@check("WG1-01-3-02", level="SHOULD")
async def the_metadata_says_that_it_is_json(session: Session) -> None:
    """The text only says JSON; without the media type many libraries do not take it for that."""
    metadata = await session.server_metadata()
    require(is_json(metadata), f"its Content-Type is {shown(metadata.media_type)}, not application/json", metadata)


@check("WG1-01-3-03")
async def a_conditional_get_of_the_metadata_answers_304_or_200(session: Session) -> None:
    """Only where the server gives validators."""
    await conditional(session, session.subject.metadata_url)


@check("WG1-01-3-04")
async def what_is_wrong_with_a_metadata_request_shows_in_the_status(session: Session) -> None:
    """An unknown path beside it is not found, and it is nothing to POST to."""
    url = session.subject.metadata_url
    await refused_get(session, f"{url.removesuffix('.json')}-unknown-{len(url)}.json")
    skip_unless(session.options.register, "a POST is needed, and this run only reads")
    await refused_post(session, url)


@check("WG1-01-3.1-01")
async def the_metadata_is_at_its_well_known_path(session: Session) -> None:
    """On the host that publishes it."""
    answer = await session.wire.get(session.subject.origin + WELL_KNOWN, follow=True)
    require(answer.status == OK, f"{WELL_KNOWN} is answered with {answer.status}, not 200", answer)
    require(described(answer) is not None, f"{WELL_KNOWN} is no server metadata object", answer)


@check("WG1-01-3.2-01")
async def the_metadata_has_every_required_field(session: Session) -> None:
    """Ten fields, each of its type."""
    metadata = await session.server_metadata()
    refuse(lacking(metadata.object(), REQUIRED), metadata)


@check("WG1-01-3.2-02")
async def the_metadata_version_is_v1(session: Session) -> None:
    """The one literal value of this version."""
    metadata = await session.server_metadata()
    version = metadata.object().get("cds_metadata_version")
    require(version == "v1", f"cds_metadata_version is {shown(version)}, not 'v1'", metadata)


@check("WG1-01-3.2-03")
async def the_canonical_url_leads_to_this_very_object(session: Session) -> None:
    """The same document, whatever its order."""
    metadata = await session.server_metadata()
    url = metadata.object().get("cds_metadata_url")
    require(is_url(url), f"cds_metadata_url is {shown(url)}, no URL", metadata)
    canonical = await session.wire.get(str(url), follow=True)
    require(canonical.ok, f"cds_metadata_url is answered with {canonical.status}", canonical)
    require(canonical.object() == metadata.object(), "cds_metadata_url leads to another object", metadata, canonical)


@check("WG1-01-3.2-04")
async def the_metadata_was_created_before_it_was_updated_and_both_are_past(session: Session) -> None:
    """Five minutes are allowed for clocks that differ."""
    metadata = await session.server_metadata()
    created, updated = (parse_datetime(metadata.object().get(name)) for name in ("created", "updated"))
    skip_unless(created and updated, "created or updated is no date-time")
    require(created and updated and created <= updated, f"created {created} is after updated {updated}", metadata)
    require(updated and updated <= datetime.now(UTC) + CLOCKS, f"updated {updated} is in the future", metadata)


@check("WG1-01-3.2-05", level="SHOULD")
async def the_pages_of_the_metadata_can_be_opened(session: Session) -> None:
    """What they say, a person has to judge."""
    metadata = await session.server_metadata()
    problems = Problems(metadata)
    for name in PAGES:
        url = metadata.object().get(name)
        if is_url(url):
            await note_unless_open(session, problems, name, str(url))
    problems.refuse()


@check("WG1-01-3.2-06")
async def capabilities_is_an_array_of_strings(session: Session) -> None:
    """Also when there are none."""
    metadata = await session.server_metadata()
    refuse(lacking(metadata.object(), {"capabilities": STRINGS}), metadata)


@check("WG1-01-3.2-07")
async def the_capabilities_hold_those_of_every_coverage_entry(session: Session) -> None:
    """Wherever there is coverage."""
    metadata = await session.server_metadata()
    own = listed(metadata.object(), "capabilities")
    skip_unless("coverage" in own, "the server does not list the capability coverage")
    of_entries = {
        capability for entry in await session.coverage_entries() for capability in listed(entry, "capabilities")
    }
    missing = sorted(of_entries - set(own))
    require(not missing, f"coverage entries have capabilities that the metadata lacks: {', '.join(missing)}", metadata)


@check("WG1-01-3.2-08", "WG1-01-3.4-02")
async def the_capability_coverage_comes_with_the_url_of_the_coverage(session: Session) -> None:
    """Without the capability it may be left out."""
    metadata = await session.server_metadata()
    document = metadata.object()
    skip_unless("coverage" in listed(document, "capabilities"), "the server does not list the capability coverage")
    refuse(lacking(document, {"coverage": URL}), metadata)


@check("WG1-01-3.2-09", "WG1-01-3.3-01")
async def every_related_metadata_url_leads_to_a_metadata_object(session: Session) -> None:
    """Of other parts of the same organisation."""
    metadata = await session.server_metadata()
    related = metadata.object().get("related_metadata")
    skip_unless(related, "the server lists no related_metadata")
    refuse(lacking(metadata.object(), {"related_metadata": STRINGS}), metadata)
    for url in strings(related):
        answer = await session.wire.get(url, follow=True)
        require(answer.status == OK, f"related_metadata {url} is answered with {answer.status}", answer)
        require(described(answer) is not None, f"related_metadata {url} is no server metadata object", answer)


@check("WG1-01-3.4-01")
async def no_capability_is_misspelt(session: Session) -> None:
    """Those of the specifications are spelt as they are there."""
    metadata = await session.server_metadata()
    refuse(misspelt(listed(metadata.object(), "capabilities"), CAPABILITIES), metadata)


@check("WG1-01-3.4-01", level="SHOULD")
async def every_capability_is_known(session: Session) -> None:
    """Others come from extensions, and nobody sees from outside whether those are documented."""
    metadata = await session.server_metadata()
    others = unknown(listed(metadata.object(), "capabilities"), CAPABILITIES)
    require(not others, f"only an extension can define these capabilities: {', '.join(others)}", metadata)


@check("WG1-01-8.1-02")
async def the_well_known_metadata_asks_nobody_for_credentials(session: Session) -> None:
    """And does not mind bad ones."""
    url = session.subject.origin + WELL_KNOWN
    for caller in (Caller(), Caller.bearer("not-a-token"), Caller.client("nobody", "nothing")):
        answer = await session.wire.get(url, caller, follow=True)
        who = "with credentials that it does not know" if caller.authorization else "without credentials"
        require(answer.status == OK, f"{who} the well-known metadata is answered with {answer.status}", answer)


@check("WG1-01-8.1-03")
async def what_public_objects_link_is_public(session: Session) -> None:
    """Without any credentials."""
    links = [
        (f"{where}: {name}", document[name])
        for where, document in await published_objects(session)
        for name in ("coverage", "oauth_metadata", *ENTRY_LINKS)
        if is_url(document.get(name))
    ]
    skip_unless(links, "there are no links")
    for url, where in {url: where for where, url in links}.items():
        answer = await session.wire.get(url, follow=True)
        require(answer.ok, f"{where} is answered with {answer.status} to a request without credentials", answer)


async def published_objects(session: Session) -> list[tuple[str, Document]]:
    """The metadata object and the coverage entries, each with a name for it."""
    metadata = await session.server_metadata()
    found = [("metadata", metadata.object())]
    try:
        pages = await session.coverage_pages()
    except Unavailable:
        return found
    entries = [entry for page in pages for entry in objects(page.find("coverage_entries"))]
    return [*found, *((f"coverage entry {shown(entry.get('id'))}", entry) for entry in entries)]


async def conditional(session: Session, url: str) -> None:
    """A GET with the validators of an earlier answer.

    Raises:
        Violated: It is answered with something else than 304 without a body, or the whole again.
    """
    first = await session.wire.get(url, follow=True)
    validators = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    headers = {asked: first.headers[given] for given, asked in validators.items() if given in first.headers}
    skip_unless(headers, "the server gives neither ETag nor Last-Modified")
    second = await session.wire.get(first.url, headers=headers)
    require(second.status in {OK, NOT_MODIFIED}, f"a conditional GET is answered with {second.status}", second)
    require(second.status == OK or not second.content, "a 304 has a body", second)


async def refused_get(session: Session, url: str) -> None:
    """Raises: Violated: An unknown URL is not answered with a client error."""
    answer = await session.wire.get(url, follow=True)
    require(answer.status in CLIENT_ERRORS, f"an unknown path is answered with {answer.status}, not 404", answer)


async def refused_post(session: Session, url: str) -> None:
    """Raises: Violated: A POST where only GET makes sense is not answered with a client error."""
    answer = await session.wire.post(url, json={})
    require(answer.status in CLIENT_ERRORS, f"a POST is answered with {answer.status}, not 405", answer)


async def note_unless_open(session: Session, problems: Problems, name: str, url: str) -> None:
    """Take down a page that cannot be read."""
    try:
        answer = await session.wire.get(url, follow=True)
    except NoAnswer as problem:
        problems.note(condition=False, problem=f"{name}: {problem.reason}")
    else:
        problems.note(answer.ok, f"{name} {url} is answered with {answer.status}")


def is_json(answer: Answer) -> bool:
    """Whether an answer says that it is JSON."""
    return answer.media_type == "application/json" or answer.media_type.endswith("+json")
