"""Blank PDF forms: the link of a `pdf_form_request`, and the same for everybody who reads the documentation."""

from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.requests import Request

from app.catalog import Catalog, RegistrationField
from app.errors import NotFound
from app.web.answers import Answer
from app.web.pages import redirect
from app.web.ranges import content_disposition
from app.web.routing import ErrorStyle, Limit, Route
from app.web.state import State

_KEPT: Final = ((b"cache-control", b"no-cache"), (b"referrer-policy", b"same-origin"))


async def blank(request: Request[State]) -> Answer:
    """GET of the blank form of a registration field."""
    catalog = request.state["context"].catalog
    field = catalog.registration_fields.get(request.path_params["field_id"])
    if field is None or field.type != "pdf_form":
        raise NotFound("There is no such form.")
    return form_of(catalog, field)


def form_of(catalog: Catalog, field: RegistrationField) -> Answer:
    """The blank form of a pdf_form, to be saved; or the way to it, when it is elsewhere."""
    form = field.form
    if form and form.url:
        return redirect(form.url)
    if form is None or form.pdf is None:
        raise NotFound("There is no such form.")
    disposition = content_disposition(Path(form.pdf).name).encode("latin-1")
    return Answer(
        _bytes_of(catalog.path(form.pdf)),
        content_type=b"application/pdf",
        headers=[(b"content-disposition", disposition), *_KEPT],
    )


@lru_cache(maxsize=64)
def _bytes_of(path: Path) -> bytes:
    """A file of the catalog, read once."""
    return path.read_bytes()


routes = [Route("/onboarding/forms/{field_id}", {"GET": blank}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS)]
