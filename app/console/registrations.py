"""All registrations: looked for, filtered, with what waits in each."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.requests import Request

from app.catalog import CLIENT_ADMIN, GRANT_ADMIN
from app.console import paging
from app.console.names import title_of
from app.console.shell import console_page, console_route, signed_in
from app.domain import registrations
from app.domain.consent import scope_names
from app.domain.context import Context
from app.errors import InvalidRequest
from app.schemas.registrations import Registration, RegistrationStatus, RequirementStatus
from app.web.answers import Answer
from app.web.routing import Route
from app.web.state import State

PATH: Final = "/console/registrations"

_EVERYBODYS: Final = frozenset({CLIENT_ADMIN, GRANT_ADMIN})
_FILTERS: Final = ("q", "status", "scope", "onboarding")


class Row(NamedTuple):
    """A registration in the list."""

    registration: Registration
    name: str
    scopes: Sequence[str]
    met: int
    steps: int
    waiting: int


async def show(request: Request[State]) -> Answer:
    """GET: a page of them, lately changed ones first."""
    acting = await signed_in(request)
    query = {name: request.query_params.get(name, "") for name in _FILTERS}
    problem, sheet = "", None
    try:
        sheet = await registrations.search(request.state["directory"], query, paging.place(request))
    except InvalidRequest as refusal:
        problem = refusal.description
    found = [one.object for one in sheet.items] if sheet else []
    waiting = await request.state["directory"].waiting([one.registration_id for one in found])
    rows = _rows(acting.context, found, waiting)
    scopes = [(one.id, one.name) for one in acting.context.catalog.scopes.values()]
    return console_page(
        request,
        "registrations.html",
        status=400 if problem else 200,
        title="Registrations",
        q=query["q"],
        query=query,
        is_filtered=any(query.values()),
        statuses=[("", "Any status"), *((one.value, one.value.capitalize()) for one in RegistrationStatus)],
        scopes=[("", "Any scope"), *scopes],
        onboarding=[("", "Any"), ("true", "Steps are open"), ("false", "Nothing is open")],
        rows=rows,
        problem=problem,
        pages=paging.of_sheet(request, sheet) if sheet else paging.Neighbours(),
    )


def _rows(context: Context, found: Sequence[Registration], waiting: Sequence[int]) -> list[Row]:
    """With what waits in each of them."""
    return [
        Row(
            registration=one,
            name=title_of(one),
            scopes=scope_names(context.catalog, _beside_admin(context, one.scope)),
            met=sum(step.status is RequirementStatus.MET for step in one.requirements.values()),
            steps=len(one.requirements),
            waiting=count,
        )
        for one, count in zip(found, waiting, strict=True)
    ]


def _beside_admin(context: Context, scope: str) -> str:
    """A scope without those that everybody has."""
    known = context.catalog.scopes
    return " ".join(one for one in scope.split() if one not in known or known[one].type not in _EVERYBODYS)


routes: Final[list[Route]] = [console_route(PATH, GET=show)]
