"""CDS-WG1-01 section 4: where, for whom and for what."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from app.conformance.checks import Problems, check, refuse, require, skip_unless
from app.conformance.formats import is_number, is_text, objects, parse_datetime, shown
from app.conformance.session import Session
from app.conformance.shapes import (
    DATETIME,
    OBJECTS,
    STRINGS,
    TEXT,
    TEXT_OR_NULL,
    URL,
    URL_OR_NULL,
    Shape,
    lacking,
    listed,
    misspelt,
    optional,
    unknown,
)
from app.conformance.subject import OK
from app.conformance.suite.metadata import conditional, refused_post
from app.conformance.wire import Answer, Document

LISTING: Final[Shape] = {"coverage_entries": OBJECTS, "next": URL_OR_NULL, "previous": URL_OR_NULL}
ENTRY: Final[Shape] = {
    "id": TEXT,
    "created": DATETIME,
    "updated": DATETIME,
    "entity_name": TEXT,
    "entity_abbreviation": TEXT_OR_NULL,
    "country": TEXT,
    "name": TEXT,
    "type": TEXT,
    "role": TEXT,
    "infrastructure_types": STRINGS,
    "commodity_types": STRINGS,
    "capabilities": STRINGS,
}
TYPES: Final = ("geographic", "logical")
ROLES: Final = ("authoritative", "official", "aggregator")
INFRASTRUCTURE: Final = (
    "distribution_utility",
    "metering_provider",
    "supplier",
    "generator",
    "market_operator",
    "distribution_service_operator",
    "transmission_service_operator",
    "service_provider",
)
COMMODITIES: Final = (
    "electricity",
    "natural_gas",
    "fuel_oil",
    "water",
    "wastewater",
    "trash",
    "distributed_energy",
)
LONGITUDES: Final = 180
LATITUDES: Final = 90


@check("WG1-01-4-01")
async def the_coverage_url_can_be_read(session: Session) -> None:
    """Wherever the capability is listed."""
    metadata = await session.server_metadata()
    skip_unless(
        "coverage" in listed(metadata.object(), "capabilities"), "the server does not list the capability coverage"
    )
    refuse(lacking(metadata.object(), {"coverage": URL}), metadata)
    answer = await session.wire.get(metadata.object()["coverage"])
    require(answer.ok, f"the coverage is answered with {answer.status}", answer)


@check("WG1-01-4-02")
async def the_coverage_is_answered_with_200_and_a_listing(session: Session) -> None:
    """Not another status of success."""
    for page in await session.coverage_pages():
        require(page.status == OK, f"the coverage is answered with {page.status}, not 200", page)
        require("coverage_entries" in page.object(), "the coverage has no coverage_entries", page)


@check("WG1-01-4-03")
async def a_conditional_get_of_the_coverage_answers_304_or_200(session: Session) -> None:
    """Only where the server gives validators."""
    pages = await session.coverage_pages()
    await conditional(session, pages[0].url)


@check("WG1-01-4-04")
async def what_is_wrong_with_a_coverage_request_shows_in_the_status(session: Session) -> None:
    """It is nothing to POST to."""
    pages = await session.coverage_pages()
    skip_unless(session.options.register, "a POST is needed, and this run only reads")
    await refused_post(session, pages[0].url)


@check("WG1-01-4.1-01")
async def every_page_of_the_coverage_has_entries_next_and_previous(session: Session) -> None:
    """All three, on each page."""
    for page in await session.coverage_pages():
        refuse(lacking(page.object(), LISTING), page)


@check("WG1-01-4.1-02")
async def the_pages_of_the_coverage_are_linked_both_ways(session: Session) -> None:
    """From the first to the last and back, nothing twice."""
    pages = await session.coverage_pages()
    require(pages[0].find("previous") is None, "the first page has a previous one", pages[0])
    require(pages[-1].find("next") is None, "the last page has a next one", pages[-1])
    back = [pages[-1]]
    while isinstance(url := back[-1].find("previous"), str) and len(back) <= len(pages):
        back.append(await session.wire.get(url))
    there, again = ids_of(pages), ids_of(list(reversed(back)))
    require(there == again, f"backwards there are other entries: {shown(again)}, not {shown(there)}", back[-1])


@check("WG1-01-4.1-03")
async def the_latest_updated_coverage_entry_comes_first(session: Session) -> None:
    """Over all pages."""
    pages = await session.coverage_pages()
    times = [parse_datetime(entry.get("updated")) for entry in await session.coverage_entries()]
    skip_unless(all(times), "an updated is no date-time")
    known = [time for time in times if time]
    require(known == sorted(known, reverse=True), "the entries are not sorted by updated, newest first", *pages[:1])


@check("WG1-01-4.2-01", "WG1-01-4.2-02")
async def the_parameter_ids_leaves_those_coverage_entries_that_it_names(session: Session) -> None:
    """One, two with either kind of blank, and none."""
    pages = await session.coverage_pages()
    ids = list(dict.fromkeys(ids_of(pages)))
    skip_unless(ids, "there are no coverage entries")
    url = pages[0].url
    await only(session, url, ids[:1])
    if len(ids) > 1:
        await only(session, url, [ids[0], ids[-1]])
        await only(session, url, [ids[0], ids[-1]], blank="%20")
    await only(session, url, [ids[0]], also=["no-such-entry"])
    await only(session, url, [], also=["no-such-entry"])


@check("WG1-01-4.3-01")
async def every_coverage_entry_has_its_required_fields(session: Session) -> None:
    """Twelve of them."""
    await note_entries(session, lambda where, entry: lacking(entry, ENTRY, where))


@check("WG1-01-4.3-02")
async def no_two_coverage_entries_have_the_same_id(session: Session) -> None:
    """On all pages together."""
    pages = await session.coverage_pages()
    twice = [name for name, times in Counter(ids_of(pages)).items() if times > 1]
    require(not twice, f"more than one coverage entry has the id {', '.join(twice)}", *pages[:1])


@check("WG1-01-4.3-03")
async def the_entity_of_a_coverage_entry_is_a_name(session: Session) -> None:
    """It may be another one than that of the server."""
    await note_entries(session, lambda where, entry: lacking(entry, {"entity_name": TEXT}, where))


@check("WG1-01-4.3-04")
async def the_abbreviation_of_an_entity_is_a_string_or_null(session: Session) -> None:
    """And always there."""
    await note_entries(session, lambda where, entry: lacking(entry, {"entity_abbreviation": TEXT_OR_NULL}, where))


@check("WG1-01-4.3-06")
async def the_description_of_a_coverage_entry_is_a_string(session: Session) -> None:
    """Where there is one."""
    await note_entries(session, lambda where, entry: optional(entry, {"description": TEXT}, where))


@check("WG1-01-4.3-07")
async def the_types_of_a_coverage_entry_are_arrays(session: Session) -> None:
    """Empty where nothing applies."""
    shape: Shape = {"infrastructure_types": STRINGS, "commodity_types": STRINGS}
    await note_entries(session, lambda where, entry: lacking(entry, shape, where))


@check("WG1-01-4.3-08")
async def no_coverage_entry_has_the_capability_coverage(session: Session) -> None:
    """It is one of the server."""
    await note_entries(
        session,
        lambda where, entry: [f"{where}capabilities has coverage"] * ("coverage" in listed(entry, "capabilities")),
    )


@check("WG1-01-4.3-09")
async def a_map_comes_with_its_media_type(session: Session) -> None:
    """The one that its server says."""
    maps = [entry for entry in await session.coverage_entries() if "map_resource" in entry]
    skip_unless(maps, "no coverage entry has a map_resource")
    await note_entries(
        session,
        lambda where, entry: lacking(entry, {"map_content_type": TEXT}, where) if "map_resource" in entry else [],
    )
    for entry in maps:
        answer = await session.wire.get(entry["map_resource"], follow=True)
        told = str(entry["map_content_type"]).partition(";")[0].strip().lower()
        require(answer.ok, f"map_resource is answered with {answer.status}", answer)
        require(answer.media_type == told, f"map_content_type is {told}, but it comes as {answer.media_type}", answer)


@check("WG1-01-4.3-10")
async def geojson_is_in_the_coordinates_of_geojson(session: Session) -> None:
    """WGS 84, longitude first, and no other system named."""
    linked = [entry for entry in await session.coverage_entries() if "geojson_resource" in entry]
    skip_unless(linked, "no coverage entry has a geojson_resource")
    for entry in linked:
        answer = await session.wire.get(entry["geojson_resource"], follow=True)
        require(answer.ok, f"geojson_resource is answered with {answer.status}", answer)
        document = answer.object()
        require(is_text(document.get("type")), "the GeoJSON has no type", answer)
        require("crs" not in document, "the GeoJSON names another coordinate system (crs)", answer)
        for longitude, latitude in positions(document):
            inside = abs(longitude) <= LONGITUDES and abs(latitude) <= LATITUDES
            require(inside, f"[{longitude}, {latitude}] is no longitude and latitude", answer)


@check("WG1-01-4.3-12")
async def a_geographic_coverage_entry_has_a_map_or_geojson(session: Session) -> None:
    """Or both."""
    await note_entries(
        session,
        lambda where, entry: (
            [f"{where}it is geographic and has neither map_resource nor geojson_resource"]
            * (entry.get("type") == "geographic" and not {"map_resource", "geojson_resource"} & entry.keys())
        ),
    )


@check("WG1-01-4.4-03")
async def the_type_of_a_coverage_entry_is_not_misspelt(session: Session) -> None:
    """Geographic or logical."""
    await note_entries(session, lambda where, entry: spelling(where, entry, "type", TYPES))


@check("WG1-01-4.4-03", level="SHOULD")
async def the_type_of_a_coverage_entry_is_known(session: Session) -> None:
    """Others come from extensions."""
    await note_entries(session, lambda where, entry: strangers(where, entry, "type", TYPES))


@check("WG1-01-4.5-01")
async def the_role_of_a_coverage_entry_is_not_misspelt(session: Session) -> None:
    """Authoritative, official or aggregator."""
    await note_entries(session, lambda where, entry: spelling(where, entry, "role", ROLES))


@check("WG1-01-4.5-01", level="SHOULD")
async def the_role_of_a_coverage_entry_is_known(session: Session) -> None:
    """Others come from extensions."""
    await note_entries(session, lambda where, entry: strangers(where, entry, "role", ROLES))


@check("WG1-01-4.6-01")
async def no_infrastructure_type_is_misspelt(session: Session) -> None:
    """Eight are defined."""
    await note_entries(session, lambda where, entry: spelling(where, entry, "infrastructure_types", INFRASTRUCTURE))


@check("WG1-01-4.6-01", level="SHOULD")
async def every_infrastructure_type_is_known(session: Session) -> None:
    """Others come from extensions."""
    await note_entries(session, lambda where, entry: strangers(where, entry, "infrastructure_types", INFRASTRUCTURE))


@check("WG1-01-4.7-01")
async def no_commodity_type_is_misspelt(session: Session) -> None:
    """Seven are defined."""
    await note_entries(session, lambda where, entry: spelling(where, entry, "commodity_types", COMMODITIES))


@check("WG1-01-4.7-01", level="SHOULD")
async def every_commodity_type_is_known(session: Session) -> None:
    """Others come from extensions."""
    await note_entries(session, lambda where, entry: strangers(where, entry, "commodity_types", COMMODITIES))


async def note_entries(session: Session, look: Any) -> None:  # noqa: ANN401 -- (where, entry) -> problems
    """Look at every coverage entry.

    Raises:
        Skipped: There are none.
        Violated: Something is wrong with one.
    """
    pages = await session.coverage_pages()
    skip_unless(any(objects(page.find("coverage_entries")) for page in pages), "there are no coverage entries")
    for page in pages:
        problems = Problems(page)
        for entry in objects(page.find("coverage_entries")):
            problems.found += look(f"coverage entry {shown(entry.get('id'))}: ", entry)
        problems.refuse()


def spelling(where: str, entry: Document, name: str, known: Sequence[str]) -> list[str]:
    """Values that are not spelt as the specification spells them."""
    return [f"{where}{problem}" for problem in misspelt(values_of(entry, name), known)]


def strangers(where: str, entry: Document, name: str, known: Sequence[str]) -> list[str]:
    """Values that only an extension can have defined."""
    return [f"{where}only an extension can define {name} {value!r}" for value in unknown(values_of(entry, name), known)]


def values_of(entry: Document, name: str) -> list[str]:
    """The strings of a member, which may be one or an array."""
    value = entry.get(name)
    return [value] if isinstance(value, str) else listed(entry, name)


def ids_of(pages: Sequence[Answer]) -> list[str]:
    """The ids of all entries, in order."""
    return [str(entry.get("id")) for page in pages for entry in objects(page.find("coverage_entries"))]


async def only(session: Session, url: str, ids: list[str], *, also: Sequence[str] = (), blank: str = "+") -> None:
    """Ask for some ids, `also` for some that do not exist, and expect those that do.

    Raises:
        Violated: Others come, or another status.
    """
    query = f"ids={blank.join((*ids, *also))}"
    answer = await session.wire.get(f"{url}{'&' if '?' in url else '?'}{query}")
    require(answer.status == OK, f"?{query} is answered with {answer.status}, not 200", answer)
    found = [str(entry.get("id")) for entry in objects(answer.object().get("coverage_entries"))]
    require(sorted(found) == sorted(ids), f"?{query} gives {shown(found)}, not {shown(ids)}", answer)


def positions(value: object) -> Iterator[tuple[Any, Any]]:
    """Every position of some GeoJSON: longitude and latitude."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name in {"coordinates", "geometry", "geometries", "features"}:
                yield from positions(member)
    elif isinstance(value, list):
        if len(value) > 1 and all(is_number(number) for number in value):
            yield value[0], value[1]
        else:
            for member in value:
                yield from positions(member)
