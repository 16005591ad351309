"""What the links of onboarding Messages lead to (CDS-WG1-02 3.6): a blank PDF, a page elsewhere, or a text to read.

The links do not expire and may be opened as often as one likes (ambiguities A25). They show nothing about the
registration, so they need no sign-in.
"""

import html
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.catalog import Catalog, RegistrationField
from app.errors import NotFound
from app.web.answers import Answer
from app.web.ranges import content_disposition
from app.web.routing import Limit, Route
from app.web.state import State

_POLICY = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - {utility}</title>
<style>
  :root {{ color-scheme: light dark; font: 1.0625rem/1.6 system-ui, sans-serif }}
  main {{ max-width: 40rem; margin: 4rem auto; padding: 0 1.25rem }}
  pre {{ white-space: pre-wrap; font: inherit; border-left: .25rem solid; padding-left: 1rem }}
</style>
<main>
  <p>{utility}</p>
  <h1>{title}</h1>
  <p>{description}</p>
  {text}
  <p>This step is completed by {utility}. Questions and answers go through the Messages API of your registration.</p>
</main>
</html>
"""


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
    page = _page(catalog.server.name, field)
    return Answer(page, content_type=b"text/html; charset=utf-8", headers=[_POLICY, (b"cache-control", b"no-cache")])


def _pdf(catalog: Catalog, name: str) -> Answer:
    disposition = content_disposition(name).encode("latin-1")
    return Answer(
        _bytes_of(str(catalog.path(name))),
        content_type=b"application/pdf",
        headers=[(b"content-disposition", disposition), (b"cache-control", b"no-cache")],
    )


@lru_cache(maxsize=64)
def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 -- a plain read of a catalog file, once
        return file.read()


def _page(utility: str, field: RegistrationField) -> bytes:
    text = field.form.text if field.form else None
    return _PAGE.format(
        utility=html.escape(utility),
        title=html.escape(field.id.replace("_", " ").capitalize()),
        description=html.escape(field.description),
        text=f"<pre>{html.escape(text)}</pre>" if text else "",
    ).encode()


routes = [Route("/onboarding/{field_id}", {"GET": step}, limit=Limit.ANONYMOUS)]
