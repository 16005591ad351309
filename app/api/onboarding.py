"""What the links of onboarding Messages lead to (CDS-WG1-02 3.6): a blank PDF, a page elsewhere, or a text to read.

The links do not expire and may be opened as often as one likes (ambiguities A25). They show nothing about the
registration, so they need no sign-in.
"""

from functools import lru_cache
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.catalog import Catalog
from app.domain.documentation import registration_field_documentation
from app.errors import NotFound
from app.web.answers import Answer
from app.web.pages import page
from app.web.ranges import content_disposition
from app.web.routing import ErrorStyle, Limit, Route
from app.web.state import State

_KEPT: Final = ((b"cache-control", b"no-cache"),)


async def step(request: Request[State]) -> Response:
    """One onboarding step, by the id of its registration field."""
    catalog = request.state["context"].catalog
    field = catalog.registration_fields.get(request.path_params["field_id"])
    if field is None or field.type in {"registration_field", "internal_review"}:
        raise NotFound("There is no such onboarding step.")
    if field.form and field.form.url:
        return RedirectResponse(field.form.url, status_code=303, headers={"cache-control": "no-store"})
    if field.form and field.form.pdf:
        return _pdf(catalog, field.form.pdf)
    return page(
        request.state,
        "api/templates/onboarding.html",
        heading=field.id.replace("_", " ").capitalize(),
        description=field.description,
        text=field.form.text if field.form else None,
        documentation=registration_field_documentation(field, request.state["settings"]),
    )


def _pdf(catalog: Catalog, name: str) -> Answer:
    disposition = content_disposition(name).encode("latin-1")
    return Answer(
        _bytes_of(str(catalog.path(name))),
        content_type=b"application/pdf",
        headers=[(b"content-disposition", disposition), *_KEPT],
    )


@lru_cache(maxsize=64)
def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 -- a plain read of a catalog file, once
        return file.read()


routes = [Route("/onboarding/{field_id}", {"GET": step}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS)]
