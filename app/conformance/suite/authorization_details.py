"""CDS-WG1-02 sections 3.8 to 3.10 and RFC 9396 as far as they show in requests: authorization details.

They are tried where no user is needed: at the token endpoint, or as pushed authorization requests.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from app.conformance.checks import Need, Skipped, check, require, skip_unless
from app.conformance.details_samples import ENCRYPTION_KEY, PRIVATE_PART, UNKNOWN_CHOICE, WRONG_TYPES, beyond, valid
from app.conformance.formats import objects, shown
from app.conformance.session import FILES, GRANT_ADMIN, Session, told
from app.conformance.shapes import listed, same
from app.conformance.suite.pushed_requests import asker, push
from app.conformance.suite.registration import scopes_of
from app.conformance.suite.tokens import BAD_REQUEST, introspect
from app.conformance.wire import Answer, Caller, Document

INVALID: Final = "invalid_authorization_details"
REGISTRATION: Final = (Need.REGISTRATION,)
DATE: Final = "relative_or_absolute_date"
DATETIME: Final = "relative_or_absolute_datetime"
PRECISE: Final = Decimal("0.1234567890123456789")

_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Place:
    """A scope with authorization details, and a request in which they can be tried."""

    scope: str
    description: Document
    ask: Callable[[list[Document]], Awaitable[Answer]]
    caller: Caller
    gives_token: bool

    @property
    def fields(self) -> list[Document]:
        """What an entry may have."""
        return objects(self.description.get("authorization_details_fields_supported"))

    def entry(self, **changes: Any) -> Document:  # noqa: ANN401 -- JSON
        """A valid entry: its type and the fields that it has to have."""
        required = {str(field["id"]): valid(field) for field in self.fields if field.get("is_required") is True}
        kind = next(iter(listed(self.description, "authorization_details_types_supported")), self.scope)
        return {"type": kind, **required, **changes}

    async def require_accepted(self, entry: Document, what: str) -> Answer:
        """Raises: Violated: The entry is refused."""
        answer = await self.ask([entry])
        require(answer.ok, f"{self.scope}: {what} is answered with {answer.status}: {told(answer)}", answer)
        return answer

    async def require_refused(self, entries: list[Document], what: str, *others: str) -> None:
        """Raises: Violated: The entries are accepted, or refused in another way."""
        answer = await self.ask(entries)
        problem = f"{self.scope}: {what} is answered with {answer.status}, not 400"
        require(answer.status == BAD_REQUEST, problem, answer)
        error = answer.object().get("error")
        expected = (INVALID, *others)
        problem = f"{self.scope}: {what} is refused with {shown(error)}, not {' or '.join(expected)}"
        require(error in expected, problem, answer)


@check("WG1-02-3.4-04", needs=REGISTRATION)
async def the_type_of_an_entry_is_the_id_of_the_scope(session: Session) -> None:
    """Not the type of its description, where that is another one."""
    for place in await places(session):
        await place.require_accepted(place.entry(), f"an entry of type {shown(place.entry()['type'])}")
        kind = str(place.description.get("type"))
        if kind not in listed(place.description, "authorization_details_types_supported"):
            await place.require_refused([place.entry(type=kind)], f"an entry of type {kind}")


@check("WG1-02-3.4-18", needs=REGISTRATION)
async def the_fields_of_a_scope_may_be_used_and_no_others(session: Session) -> None:
    """Each with a valid value."""
    for place in await places(session):
        for field in place.fields:
            name = str(field.get("id"))
            await place.require_accepted(place.entry(**{name: sample(field)}), f"{name} with a valid value")
        await place.require_refused([place.entry(conformance_unknown="1")], "an entry with an unknown field")


@check("WG1-02-3.8-02", "RFC9396-7-01", needs=REGISTRATION)
async def the_token_response_shows_the_entries_as_granted(session: Session) -> None:
    """Under the same names."""
    place = await place_with_tokens(session)
    field = place.fields[0]
    name, value = str(field.get("id")), sample(field)
    answer = await place.require_accepted(place.entry(**{name: value}), f"{name} with a valid value")
    granted = objects(answer.object().get("authorization_details"))
    require(granted, "the token response has no authorization_details", answer)
    require(name in granted[0], f"the granted entry has no {name}", answer)
    require(same(granted[0][name], value), f"{name} is granted as {shown(granted[0][name])}", answer)


@check("RFC9396-9.2-01", needs=REGISTRATION)
async def an_introspection_shows_the_entries_of_a_token(session: Session) -> None:
    """One of the ways in which a resource server may learn of them."""
    place = await place_with_tokens(session)
    answer = await place.require_accepted(place.entry(), "a valid entry")
    token = answer.find("access_token")
    skip_unless(isinstance(token, str), "there is no access_token")
    told_of = await introspect(session, place.caller, str(token))
    require(objects(told_of.find("authorization_details")), "an introspection has no authorization_details", told_of)


@check("WG1-02-3.8-04", "WG1-02-3.9-02", needs=REGISTRATION)
async def values_of_another_type_are_refused(session: Session) -> None:
    """For each format that is in use, once."""
    for place, field in await by_format(session):
        for value in WRONG_TYPES[str(field["format"])]:
            name = str(field["id"])
            entry = place.entry(**{name: value})
            await place.require_refused([entry], f"{name} ({field['format']}) with {shown(value)}")


@check("WG1-02-3.8-05", needs=REGISTRATION)
async def what_is_required_cannot_be_left_out(session: Session) -> None:
    """Neither the field nor the whole entry."""
    found = [place for place in await places(session) if any(field.get("is_required") for field in place.fields)]
    skip_unless(found, "no authorization details field of such a scope is required; those of grant admin scopes are")
    for place in found:
        await place.require_refused([{"type": place.entry()["type"]}], "an entry without what is required")
        await place.require_refused([], "a request without authorization_details", "invalid_request", "invalid_scope")


@check("WG1-02-3.8-10", needs=REGISTRATION)
async def no_string_is_longer_than_its_maximum(session: Session) -> None:
    """In characters."""
    await none_beyond(session, "string", "string_or_null")


@check("WG1-02-3.8-11", needs=REGISTRATION)
async def no_list_is_longer_than_its_maximum(session: Session) -> None:
    """All its strings together."""
    await none_beyond(session, "string_list")


@check("WG1-02-3.8-09", needs=REGISTRATION)
async def no_number_is_larger_than_its_maximum(session: Session) -> None:
    """Unless it is infinite."""
    await none_beyond(session, "int", "decimal")


@check("WG1-02-3.8-12", "WG1-02-3.8-14", needs=REGISTRATION)
async def no_date_is_further_than_its_maximum(session: Session) -> None:
    """Ahead or back, whichever the field is about."""
    await none_beyond(session, DATE)


@check("WG1-02-3.8-13", needs=REGISTRATION)
async def no_datetime_is_further_than_its_maximum(session: Session) -> None:
    """Ahead or back, whichever the field is about."""
    await none_beyond(session, DATETIME)


@check("WG1-02-2-02", needs=REGISTRATION)
async def a_relative_date_of_hours_is_refused(session: Session) -> None:
    """Days are the least."""
    for place, field in await of_format(session, DATE):
        name = str(field["id"])
        await place.require_refused([place.entry(**{name: "PT1H"})], f"{name} with PT1H")


@check("WG1-02-3.9-03", needs=REGISTRATION)
async def decimals_keep_every_digit(session: Session) -> None:
    """Where tokens show what was granted."""
    for place, field in await of_format(session, "decimal"):
        skip_unless(place.gives_token, "only scopes that users authorize have decimals")
        name = str(field["id"])
        answer = await place.require_accepted(place.entry(**{name: PRECISE}), f"{name} with {PRECISE}")
        granted = next(iter(objects(answer.find("authorization_details"))), {}).get(name)
        require(granted == PRECISE, f"{name} {PRECISE} is granted as {granted}", answer)


@check("WG1-02-3.9-06", needs=REGISTRATION)
async def a_choice_that_is_not_on_offer_is_refused(session: Session) -> None:
    """By its id."""
    for place, field in await of_format(session, "choice"):
        name = str(field["id"])
        await place.require_refused([place.entry(**{name: UNKNOWN_CHOICE})], f"{name} with an unknown choice")


@check("WG1-02-3.10-02", needs=REGISTRATION)
async def every_choice_is_accepted_by_its_id(session: Session) -> None:
    """Each that is on offer."""
    for place, field in await of_format(session, "choice"):
        name = str(field["id"])
        for choice in objects(field.get("choices")):
            await place.require_accepted(place.entry(**{name: choice.get("id")}), f"{name} {shown(choice.get('id'))}")


@check("WG1-02-3.9-07", "WG1-02-2-01", needs=REGISTRATION)
async def a_jwk_is_a_public_key_for_encryption(session: Session) -> None:
    """Or null; no private key, and none for signatures or of no declared use."""
    for place, field in await of_format(session, "jwk_or_null"):
        name = str(field["id"])
        await place.require_accepted(place.entry(**{name: ENCRYPTION_KEY}), f"{name} with a public key")
        await place.require_accepted(place.entry(**{name: None}), f"{name} with null")
        without_use = {member: value for member, value in ENCRYPTION_KEY.items() if member != "use"}
        for what, key in (
            ("a private key", {**ENCRYPTION_KEY, "d": PRIVATE_PART}),
            ("a key for signatures", {**ENCRYPTION_KEY, "use": "sig", "alg": "ES256"}),
            ("a key without use", without_use),
        ):
            await place.require_refused([place.entry(**{name: key})], f"{name} with {what}")


@check("RFC9396-5-01", needs=REGISTRATION)
async def whatever_is_wrong_with_an_entry_has_one_error(session: Session) -> None:
    """Unknown types and fields, and no type at all."""
    for place in await places(session):
        for what, entry in (
            ("an unknown type", place.entry(type="no_such_type")),
            ("no type", {name: value for name, value in place.entry().items() if name != "type"}),
            ("an unknown field", place.entry(conformance_unknown=True)),
        ):
            await place.require_refused([entry], f"an entry with {what}")


async def none_beyond(session: Session, *formats: str) -> None:
    """Try values just over the maximum.

    Raises:
        Skipped: No field has such a format and a maximum that can be passed.
        Violated: One is accepted.
    """
    tried = 0
    for kind in formats:
        for place, field in await of_format(session, kind, skip=False):
            value, name = beyond(field), str(field["id"])
            if value is not None:
                tried += 1
                await place.require_refused([place.entry(**{name: value})], f"{name} with {shown(value)}")
    skip_unless(tried, f"no authorization details field of the format {' or '.join(formats)} has a maximum to pass")


async def places(session: Session) -> list[Place]:
    """Where authorization details can be tried: once without a user, once with one, if there are such scopes.

    Raises:
        Skipped: There are none.
    """
    found = [place for make in (machine_place, user_place) if (place := await make(session)) is not None]
    skip_unless(found, "our registration has no Client Object with authorization details that can be tried")
    return found


async def place_with_tokens(session: Session) -> Place:
    """One where a token comes at once.

    Raises:
        Skipped: There is none.
    """
    place = await machine_place(session)
    if place is None:
        raise Skipped("no scope that needs no user has authorization details fields")
    return place


async def machine_place(session: Session) -> Place | None:
    """The token endpoint, for the first Client Object whose scope has fields and needs no user."""
    scopes = await session.scopes()
    for client in await session.clients():
        for name in scopes_of(client):
            scope = scopes.get(name, {})
            usable = scope.get("type") not in {GRANT_ADMIN, FILES} and scope.get(
                "authorization_details_fields_supported"
            )
            if usable and "client_credentials" in listed(client, "grant_types"):
                caller = await session.caller_for(client)
                return Place(name, scope, token_asker(session, caller), caller, gives_token=True)
    return None


async def user_place(session: Session) -> Place | None:
    """The endpoint for pushed requests, for the sandbox Client Object that users authorize, if its scope has fields."""
    try:
        own = await asker(session)
        await session.endpoint("pushed_authorization_request_endpoint")
    except Skipped:
        return None
    scope = (await session.scopes()).get(own.scope, {})
    if not scope.get("authorization_details_fields_supported"):
        return None

    async def ask(entries: list[Document]) -> Answer:
        return await push(session, own, None, authorization_details=written(entries))

    return Place(own.scope, scope, ask, own.caller, gives_token=False)


def token_asker(session: Session, caller: Caller) -> Callable[[list[Document]], Awaitable[Answer]]:
    """How to try entries at the token endpoint."""

    async def ask(entries: list[Document]) -> Answer:
        return await session.ask_token(caller, authorization_details=written(entries))

    return ask


async def of_format(session: Session, kind: str, *, skip: bool = True) -> list[tuple[Place, Document]]:
    """Every field of a format that can be tried.

    Raises:
        Skipped: There is none, unless `skip` is false.
    """
    found = [
        (place, field)
        for place in await places(session)
        for field in place.fields
        if field.get("format") == kind and isinstance(field.get("id"), str)
    ]
    skip_unless(found or not skip, f"no authorization details field of the format {kind} can be tried")
    return found


async def by_format(session: Session) -> list[tuple[Place, Document]]:
    """One field for each known format that is in use."""
    found: dict[str, tuple[Place, Document]] = {}
    for place in await places(session):
        for field in place.fields:
            if field.get("format") in WRONG_TYPES and isinstance(field.get("id"), str):
                found.setdefault(str(field["format"]), (place, field))
    skip_unless(found, "no authorization details field of a known format can be tried")
    return list(found.values())


def sample(field: Document) -> Any:  # noqa: ANN401 -- JSON
    """A valid value.

    Raises:
        Skipped: None is known.
    """
    try:
        return valid(field)
    except LookupError:
        raise Skipped(f"no value is known for {field.get('id')} of format {field.get('format')}") from None


def written(entries: list[Document]) -> str:
    """The parameter authorization_details, or an empty one for none."""
    return _encoder.encode(entries).decode() if entries else ""
