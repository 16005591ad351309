"""What the APIs of CDS-WG1-02 sections 5 to 9 have in common: who may ask, listings, filters, links, order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import pairwise
from typing import Final

from app.conformance.checks import Problems, Unavailable, refuse, require, skip_unless
from app.conformance.formats import is_url, objects, parse_datetime, shown
from app.conformance.session import Registration, Session, told
from app.conformance.shapes import OBJECTS, URL_OR_NULL, Shape, lacking
from app.conformance.wire import NOBODY, Answer, Caller, Document

Fits = Callable[[Document], object]

OK: Final = 200
CREATED: Final = 201
ACCEPTED: Final = 202
BAD_REQUEST: Final = 400
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
HIDDEN: Final = frozenset({FORBIDDEN, NOT_FOUND})
"""How an object of somebody else, or of nobody, is answered."""

NO_SUCH_ID: Final = "conformance-no-such-id"
MAX_WHOLE: Final = 100
"""Up to here a listing comes in one piece."""

MALFORMED_TIME: Final = "yesterday"


async def listing(
    session: Session,
    endpoint: str,
    registration: Registration | None = None,
    *,
    filters: Mapping[str, str] | None = None,
) -> list[Answer]:
    """The pages of a listing as our admin sees them.

    Raises:
        Violated: One of them is no JSON object with status 200, or they lead in a circle.
        Unavailable: The server has no such endpoint, or we have no admin token.
    """
    url = await session.endpoint(endpoint)
    return await session.pages(url, await session.as_admin(registration), filters)


async def listed(
    session: Session,
    endpoint: str,
    member: str,
    registration: Registration | None = None,
    *,
    filters: Mapping[str, str] | None = None,
) -> list[Document]:
    """Every object of a listing. Raises as `listing` does."""
    pages = await listing(session, endpoint, registration, filters=filters)
    return [one for page in pages for one in objects(page.find(member))]


async def stranger(session: Session) -> Caller:
    """Somebody with a token of ours that is for something else than the client admin scope.

    Raises:
        Unavailable: We have no Client Object that gets such a token.
    """

    async def make() -> Caller:
        client = await session.machine_client()
        scope = str(client["scope"]).split()[0]
        return Caller.bearer(await session.token(await session.caller_for(client), scope=scope))

    return await session.once("stranger", make)


async def require_admins_only(session: Session, url: str) -> None:
    """Raises: Violated: The URL opens without a token, or with one for something else, or not with that of an admin."""
    answer = await session.wire.get(url, await session.as_admin())
    require(answer.status == OK, f"with an admin token it is answered with {answer.status}, not 200", answer)
    answer = await session.wire.get(url, NOBODY)
    require(answer.status == UNAUTHORIZED, f"without a token it is answered with {answer.status}, not 401", answer)
    answer = await session.wire.get(url, await stranger(session))
    refused = answer.status in {UNAUTHORIZED, FORBIDDEN}
    require(refused, f"with a token for another scope it is answered with {answer.status}, not 403", answer)


async def require_kept_apart(session: Session, endpoint: str, member: str, id_name: str) -> None:
    """Raises: Violated: An object shows in the listings of two registrations.

    Raises:
        Unavailable: One of the listings is empty, so that nothing can be seen.
    """
    first = {str(one.get(id_name)) for one in await listed(session, endpoint, member)}
    second = await session.second_registration()
    pages = await listing(session, endpoint, second)
    other = {str(one.get(id_name)) for page in pages for one in objects(page.find(member))}
    skip_unless(first and other, f"there are no {member} to be kept apart")
    both = sorted(first & other)
    require(not both, f"two registrations are shown the same {member}: {', '.join(both[:3])}", pages[0])


async def require_single(session: Session, objects_: Iterable[Document], uri: str, id_name: str) -> None:
    """Raises: Violated: An object at its own URI is not the one that the listing has."""
    admin = await session.as_admin()
    for one in objects_:
        answer = await read(session, admin, one, uri)
        same = answer.object() == one
        require(same, f"{shown(one.get(id_name))} alone differs from its entry in the listing", answer)
        answer = await session.wire.get(str(one[uri]), NOBODY)
        require(answer.status == UNAUTHORIZED, f"without a token it is answered with {answer.status}, not 401", answer)


async def require_hidden(session: Session, own: Document, uri: str, id_name: str) -> None:
    """Raises: Violated: An object is shown to another registration, or an unknown one is not refused like that."""
    other = await session.second_registration()
    answer = await session.wire.get(str(own[uri]), await session.as_admin(other))
    require(answer.status in HIDDEN, f"an object of another registration is answered with {answer.status}", answer)
    unknown = str(own[uri]).replace(str(own[id_name]), NO_SUCH_ID)
    skip_unless(unknown != own[uri], f"{uri} does not have the {id_name}, so that no unknown one can be made up")
    missing = await session.wire.get(unknown, await session.as_admin())
    require(missing.status in HIDDEN, f"an unknown object is answered with {missing.status}, not 404", missing)


async def read(session: Session, caller: Caller, one: Document, uri: str = "uri") -> Answer:
    """An object at its own URI.

    Raises:
        Violated: There is none, or it is not answered with 200.
    """
    url = one.get(uri)
    require(is_url(url), f"{uri} is {shown(url)}, not an absolute URL")
    answer = await session.wire.get(str(url), caller)
    require(answer.status == OK, f"{uri} is answered with {answer.status}, not 200", answer)
    return answer


def refuse_shape(answer: Answer, member: str) -> None:
    """Raises: Violated: A listing lacks its array or one of its links, or one is of another kind."""
    refuse(lacking(answer.object(), {member: OBJECTS, "next": URL_OR_NULL, "previous": URL_OR_NULL}), answer)


def refuse_cut(pages: Sequence[Answer], member: str) -> None:
    """Raises: Violated: A listing of no more than a hundred objects comes in several pages."""
    found = sum(len(objects(page.find(member))) for page in pages)
    if found <= MAX_WHOLE:
        require(len(pages) == 1, f"{found} {member} come in {len(pages)} pages; up to 100 come in one", pages[0])


async def require_links(session: Session, pages: Sequence[Answer], member: str, id_name: str) -> None:
    """Raises: Violated: The first page has a previous one, the last a next one, or the way back is another one."""
    first, last = pages[0], pages[-1]
    for page in pages:
        refuse_shape(page, member)
    require(first.object()["previous"] is None, "the first page has a previous one", first)
    require(last.object()["next"] is None, "the last page has a next one", last)
    ids = [one.get(id_name) for page in pages for one in objects(page.find(member))]
    require(len(ids) == len({str(one) for one in ids}), f"an object comes twice in the pages of {member}", last)
    admin = await session.as_admin()
    back = [last]
    while isinstance(before := back[-1].find("previous"), str) and len(back) <= len(pages):
        back.append(await session.wire.get(before, admin))
    again = [one.get(id_name) for page in reversed(back) for one in objects(page.find(member))]
    require(again == ids, f"the pages of {member} are others on the way back", last)


def refuse_order(pages: Iterable[Answer], member: str, modified: str = "modified") -> None:
    """Raises: Violated: A later object of a listing was modified after an earlier one."""
    found = [(page, one) for page in pages for one in objects(page.find(member))]
    for (_, before), (page, after) in pairwise(found):
        earlier, later = parse_datetime(before.get(modified)), parse_datetime(after.get(modified))
        if earlier and later:
            require(earlier >= later, f"{modified} {after[modified]} comes after {before[modified]}", page)


async def require_filter(
    session: Session, endpoint: str, member: str, id_name: str, filters: Mapping[str, str], fits: Fits
) -> list[Document]:
    """What a filtered listing has.

    Raises:
        Violated: That is not what fits of the whole listing, or the filter is refused.
        Unavailable: Nothing of the whole listing fits, so that nothing can be seen.
    """
    wanted = {str(one.get(id_name)) for one in await listed(session, endpoint, member) if fits(one)}
    pages = await listing(session, endpoint, filters=filters)
    found = [one for page in pages for one in objects(page.find(member))]
    got = {str(one.get(id_name)) for one in found}
    named = ", ".join(f"{name}={value}" for name, value in filters.items())
    missing, more = sorted(wanted - got), sorted(got - wanted)
    require(not more, f"{named} lists {len(more)} of the {member} that do not fit, such as {more[:1]}", pages[0])
    require(not missing, f"{named} does not list {len(missing)} of the {member} that fit: {missing[:1]}", pages[0])
    return found


async def require_none(session: Session, endpoint: str, member: str, filters: Mapping[str, str]) -> None:
    """Raises: Violated: A filter that nothing fits does not give an empty array."""
    (page, *_) = await listing(session, endpoint, filters=filters)
    found = page.object().get(member)
    require(found == [], f"where nothing fits, {member} is {shown(found)}, not []", page)


async def require_words(session: Session, endpoint: str, member: str, id_name: str, name: str) -> None:
    """A filter by ids: two of them, joined by a blank in both of its spellings; unknown ones find nothing.

    Raises:
        Violated: It does not filter.
        Unavailable: There is nothing to filter.
    """
    found = await listed(session, endpoint, member)
    ids = [str(one[id_name]) for one in found if isinstance(one.get(id_name), str)][:2]
    skip_unless(ids, f"there are no {member}")
    wanted = {*ids, NO_SUCH_ID}
    await require_filter(
        session, endpoint, member, id_name, {name: " ".join(wanted)}, lambda one: one[id_name] in wanted
    )
    await require_none(session, endpoint, member, {name: NO_SUCH_ID})
    url, joined = await session.endpoint(endpoint), "%20".join(ids)
    mark = "&" if "?" in url else "?"
    answer = await session.wire.get(f"{url}{mark}{name}={joined}", await session.as_admin())
    got = {one.get(id_name) for one in objects(answer.find(member))}
    require(got == set(ids), f"{name} with %20 lists {len(got)} {member}, not {len(ids)}", answer)


async def require_foreign_filter(session: Session, endpoint: str, member: str, name: str, foreign: str) -> None:
    """Raises: Violated: A filter by an id of another registration finds something."""
    await require_none(session, endpoint, member, {name: foreign})


async def require_since(session: Session, endpoint: str, member: str, id_name: str, name: str) -> None:
    """The filters `after` and `before`: both include objects of exactly that time; other texts are refused.

    Raises:
        Violated: They do not.
        Unavailable: There is nothing to filter.
    """
    found = await listed(session, endpoint, member)
    times = sorted({str(one["created"]): time for one in found if (time := parse_datetime(one.get("created")))}.items())
    skip_unless(times, f"there are no {member} with a time of creation")
    for text, time in (times[0], times[-1]):
        fits = partial(created_on, name=name, time=time)
        await require_filter(session, endpoint, member, id_name, {name: text}, fits)
    answer = await session.wire.get(
        await session.endpoint(endpoint), await session.as_admin(), params={name: MALFORMED_TIME}
    )
    refused = answer.status == BAD_REQUEST
    require(refused, f"{name}={MALFORMED_TIME} is answered with {answer.status}, not 400", answer)


async def require_distant(session: Session, endpoint: str, member: str, name: str) -> None:
    """Raises: Violated: Something was created after the year 2100 or before 1990, by its own account."""
    await require_none(
        session, endpoint, member, {name: "2100-01-01T00:00:00Z" if name == "after" else "1990-01-01T00:00:00Z"}
    )


def creation(one: Document) -> datetime:
    """When an object was created. Raises: Unavailable: It does not say so."""
    time = parse_datetime(one.get("created"))
    if time is None:
        raise Unavailable("an object has no time of creation")
    return time


def created_on(one: Document, name: str, time: datetime) -> bool:
    """Whether an object was created on that side of a time (`after` or `before`), or just then."""
    created = parse_datetime(one.get("created"))
    return created is not None and (created >= time if name == "after" else created <= time)


async def require_refused(
    session: Session, method: str, url: str, bodies: Mapping[str, object], status: int = BAD_REQUEST
) -> None:
    """Raises: Violated: One of these bodies is not answered with that status. The keys say what is wrong with each."""
    admin = await session.as_admin()
    for what, body in bodies.items():
        answer = await session.wire.ask(method, url, admin, json=body)
        require(answer.status == status, f"{what} is answered with {answer.status}, not {status}", answer)


def require_done(answer: Answer, status: int, what: str) -> Document:
    """The object of an answer. Raises: Violated: Its status is another one."""
    require(answer.status == status, f"{what} is answered with {answer.status}, not {status}: {told(answer)}", answer)
    return answer.object()


def unchanged(before: Document, after: Document, *but: str) -> list[str]:
    """The members that differ between two states of an object, in words."""
    names = [name for name in {**before, **after} if name not in but and before.get(name) != after.get(name)]
    return [f"{name} has changed from {shown(before.get(name))} to {shown(after.get(name))}" for name in names]


def server_time(answer: Answer) -> datetime:
    """What the clock of the server says, where it says so; else ours. Whole seconds."""
    try:
        return parsedate_to_datetime(str(answer.headers["date"])).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC).replace(microsecond=0)


def note_shapes(answers: Iterable[Answer], member: str, shape: Shape, id_name: str) -> None:
    """Raises: Violated: An object of a listing lacks something."""
    for page in answers:
        problems = Problems(page)
        for one in objects(page.find(member)):
            problems.found += lacking(one, shape, f"{one.get(id_name, 'one without an id')}: ")
        problems.refuse()
