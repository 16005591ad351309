"""The Messages of a registration as checks look at them (CDS-WG1-02 section 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.conformance.apis import CREATED, OK, require_done
from app.conformance.checks import require, skip_unless
from app.conformance.formats import objects
from app.conformance.session import MAX_PAGES, Registration, Session
from app.conformance.wire import Answer, Document

ENDPOINT: Final = "cds_messages_api"
LISTS: Final = ("outstanding", "unread", "read")
LINKS: Final = tuple(f"{name}_{link}" for name in LISTS for link in ("next", "previous"))


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The three lists, from their first pages to their last ones."""

    first: Answer
    pages: Mapping[str, tuple[Answer, ...]]

    def list(self, name: str) -> tuple[Document, ...]:
        """One of the lists."""
        return tuple(one for page in self.pages[name] for one in objects(page.find(name)))

    @property
    def every(self) -> dict[str, Document]:
        """All Messages by their `uri`, each once."""
        return {str(one.get("uri")): one for name in LISTS for one in self.list(name)}

    def of_type(self, *types: str) -> tuple[Document, ...]:
        """Those of some types."""
        return tuple(one for one in self.every.values() if one.get("type") in types)

    def replies(self, uri: object, type_: str = "request_update") -> tuple[Document, ...]:
        """What answers a Message, newest first."""
        return tuple(one for one in self.of_type(type_) if one.get("previous_uri") == uri)


async def mailbox(
    session: Session, registration: Registration | None = None, filters: Mapping[str, str] | None = None
) -> Mailbox:
    """All Messages of a registration.

    Raises:
        Violated: The listing is no JSON object with status 200, or its pages lead in a circle.
    """
    admin = await session.as_admin(registration)
    first = await session.wire.get(await session.endpoint(ENDPOINT), admin, params=filters)
    require_done(first, OK, "the listing of Messages")
    pages: dict[str, tuple[Answer, ...]] = {}
    for name in LISTS:
        found = [first]
        while isinstance(following := found[-1].find(f"{name}_next"), str):
            require(
                len(found) < MAX_PAGES, f"{name}_next leads in a circle, or to more than {MAX_PAGES} pages", found[-1]
            )
            answer = await session.wire.get(following, admin)
            require_done(answer, OK, f"{name}_next")
            found.append(answer)
        pages[name] = tuple(found)
    return Mailbox(first, pages)


async def post(session: Session, registration: Registration | None = None, **message: object) -> Answer:
    """Send a Message as a Client, whatever it is."""
    url, admin = await session.endpoint(ENDPOINT), await session.as_admin(registration)
    return await session.wire.post(url, admin, json={"name": "", "description": "", "previous_uri": None, **message})


async def posted(session: Session, registration: Registration | None = None, **message: object) -> Document:
    """Send a valid Message.

    Raises:
        Violated: It is not answered with 201.
    """
    answer = await post(session, registration, **message)
    return require_done(answer, CREATED, f"a {message.get('type')}")


async def reread(session: Session, message: Document, registration: Registration | None = None) -> Document:
    """A Message as it is now.

    Raises:
        Violated: It is not answered with 200.
    """
    answer = await session.wire.get(str(message["uri"]), await session.as_admin(registration))
    return require_done(answer, OK, "a Message")


async def news(
    session: Session, before: Mailbox, related_type: str, uri: object, registration: Registration | None = None
) -> Document:
    """The Message of the server that came since `before` and is about an object.

    Raises:
        Violated: There is none, or it is not unread.
    """
    after = await mailbox(session, registration)
    new = [one for uri_, one in after.every.items() if uri_ not in before.every and one.get("creator") is None]
    about = [one for one in new if one.get("related_uri") == uri and one.get("related_type") == related_type]
    require(
        about, f"no Message with the related_type {related_type} and the related_uri {uri} tells of that", after.first
    )
    unread = {str(one.get("uri")) for one in after.list("unread")}
    require(
        str(about[0].get("uri")) in unread, "the Message that tells of that is not among the unread ones", after.first
    )
    return about[0]


async def first_mailbox(session: Session) -> Mailbox:
    """The Messages of the main registration as the first check found them."""
    return await session.once("first mailbox", lambda: mailbox(session))


async def some(session: Session, *types: str) -> tuple[Document, ...]:
    """Messages of these types in the main registration.

    Raises:
        Skipped: There are none.
    """
    found = (await mailbox(session)).of_type(*types)
    skip_unless(found, f"our registration has no {' or '.join(types)} Message")
    return found
