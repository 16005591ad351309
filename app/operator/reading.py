"""What operators send: whose object a request is about, and values of its body, each refused by its name."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from app.crypto.tokens import local_id
from app.domain import repeats
from app.domain.audit import acting_as
from app.domain.context import Context
from app.domain.records import Access, AnyObject, Stored, Wanted
from app.domain.texts import is_name, listed
from app.domain.times import parse_datetime, whole_seconds
from app.errors import InvalidRequest, NotFound
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.grants import Grant
from app.web.answers import NO_STORE, json_answer
from app.web.bodies import parse_json_object, read_body
from app.web.calls import facts_of
from app.web.operators import Acting
from app.web.state import State

API = "/operator/api/v1"

Body = Mapping[str, Any]
T = TypeVar("T", Client, Credential, Grant)


def access_of(request: Request[State], object_id: str) -> Access:
    """Access to the registration of an object. Raises NotFound when the id is none of ours."""
    parts = local_id(object_id)
    if parts is None:
        raise NotFound("There is no such object.")
    facts_of(request).registration_id = parts.registration_id
    return Access(parts.registration_id, request.state["now"]())


def access_to(request: Request[State], registration_id: str) -> Access:
    """Access to a registration. Raises NotFound when the id is none of ours."""
    if "-" in registration_id:
        raise NotFound("There is no such registration.")
    return access_of(request, registration_id)


async def found(context: Context, access: Access, kind: type[T], object_id: str) -> Stored[T]:
    """An object. Raises NotFound when the registration has none of this type and id."""
    (stored,) = await context.records.load(access, Wanted(kind, object_id))
    if stored is None:
        raise NotFound("There is no such object.")
    return stored


def context_for(request: Request[State], doing: Acting, action: str) -> Context:
    """The Context of an operator for an action that only the body of the request tells."""
    return acting_as(request.state["context"], doing.actor, action)


def request_of(request: Request[State], doing: Acting, submitted: object) -> repeats.Request | None:
    """What its `Idempotency-Key` makes of a request. Raises InvalidRequest when the key is none."""
    header, caller = request.headers.get(repeats.HEADER), f"operator {doing.operator.name}"
    return repeats.read_request(header, caller, request.url.path, submitted)


async def make_once(
    request: Request[State],
    doing: Acting,
    access: Access,
    submitted: Body,
    kind: type[AnyObject],
    make: Callable[[Context], Awaitable[str]],
) -> str:
    """The id of what a POST makes, or has made before under its `Idempotency-Key` (`app.domain.repeats`)."""
    asked = request_of(request, doing, submitted)
    return await repeats.once(
        doing.context, request.state["repeats"], access.registration_id, asked, kind=kind, make=make
    )


def created_answer(request: Request[State], path: str, body: object) -> Response:
    """201, with where it is from now on."""
    location = f"{request.state['settings'].public_url}{path}".encode()
    return json_answer(body, status=201, headers=[*NO_STORE, (b"location", location)])


async def read_optional_json(request: Request[State]) -> dict[str, Any]:
    """The JSON object in the body, an empty one when there is no body. Raises as `read_json` does."""
    body = await read_body(request, limit_bytes=request.state["settings"].max_body_bytes)
    return parse_json_object(body) if body.strip() else {}


def refuse_other_fields(submitted: Body, known: Iterable[str]) -> None:
    """Whoever misspells a field should learn so. Raises InvalidRequest."""
    accepted = sorted(known)
    for name in submitted:
        if name not in accepted:
            named = name if is_name(name) else None
            raise InvalidRequest(f"The body may have {listed(accepted)}, and nothing else.", field=named)


def refuse_other_parameters(request: Request[State], *known: str) -> None:
    """A misspelt filter would find everything, and who acts on that would act on too much. Raises InvalidRequest."""
    for name in request.query_params:
        if name not in known:
            named = name if is_name(name) else None
            raise InvalidRequest(f"The query may have {listed(sorted(known))}, and nothing else.", field=named)


def text(submitted: Body, name: str, default: str | None = None) -> str:
    """A string; `default` when it is left out or null. Raises InvalidRequest, also when there is no default."""
    value = submitted.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string.", field=name)
    return value


def texts(submitted: Body, name: str) -> list[str]:
    """A list of strings, empty when it is left out or null. Raises InvalidRequest."""
    value = submitted.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidRequest(f"{name} must be a list of strings.", field=name)
    return value


def entries(submitted: Body, name: str) -> list[dict[str, Any]]:
    """A list of objects, empty when it is left out or null. Raises InvalidRequest."""
    value = submitted.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InvalidRequest(f"{name} must be a list of objects.", field=name)
    return value


def moment(submitted: Body, name: str) -> datetime | None:
    """An RFC 3339 date-time in whole seconds, None when it is left out or null. Raises InvalidRequest."""
    value = submitted.get(name)
    return None if value is None else whole_seconds(parse_datetime(text(submitted, name), field=name))
