"""`/register`: three steps on one address, the first two with GET, the last with POST.

1. `GET /register` shows the scopes to choose from, those of `scope` in the query chosen already.
2. `GET /register?step=fields&scope=…&form=…` shows the fields of the chosen scopes; `form` is the nonce of the form, so
   that somebody who comes back to it has the same form again.
3. `POST /register` registers and shows the result: in the answer itself, because an address that shows a secret would
   be one more secret. What is wrong leads back to step 2, with everything that was entered.

A form is for one registration: the id of the registration follows from the secret of the browser and the nonce of the
form, so a form that is sent twice finds what it has made. Within `REPEAT_SECONDS` that is shown once more, since an
answer may have been lost or a button pressed twice; after that the page says that there is a registration, and no more.

Source: CDS-WG1-02 3.2 (`cds_human_registration`), 4; ambiguities A28.
"""

import contextlib
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request

from app.catalog import CLIENT_ADMIN, Scope
from app.crypto.tokens import registration_id_of
from app.domain import documentation, registration
from app.errors import Conflict, InvalidClientMetadata, Refusal, TooManyRequests
from app.registration_form import choices, inputs, outcome
from app.registration_form.inputs import Entered, Reading
from app.registration_form.outcome import Outcome
from app.web.access import address_of, note_client
from app.web.answers import NO_STORE, Answer
from app.web.bodies import query_pairs
from app.web.browser import (
    FORM_TOKEN,
    Browser,
    browser_of,
    form_token,
    remember_browser,
    require_own_form,
    require_own_site,
)
from app.web.errors import refusal_headers
from app.web.multipart import Multipart
from app.web.pages import base_path, page
from app.web.ranges import content_disposition
from app.web.routing import ErrorStyle, Limit, Route
from app.web.state import State

PATH: Final = documentation.HUMAN_REGISTRATION_PATH
STEP: Final = "step"
FIELDS: Final = "fields"
SCOPE: Final = "scope"
NONCE: Final = "form"
DOWNLOAD: Final = "download"
REPEAT_SECONDS: Final = 120
"""How long the same form of the same browser gets the same answer, secret included."""

_FOLDER: Final = "registration_form/templates"
_LONGEST_NONCE: Final = 100
_COOKIES_NEEDED: Final = (
    "Your browser did not send the cookie that it got with this page. Allow cookies for this site, choose files again"
    " if there are any, and send the form once more. Nothing has been registered yet."
)
_TOO_MANY: Final = "There were too many registrations from your network lately. Send the form again in {wait}."


async def show(request: Request[State]) -> Answer:
    """GET: the choice of scopes, or the fields of those that are chosen."""
    pairs = query_pairs(request)
    catalog = request.state["context"].catalog
    chosen = choices.chosen(catalog, [value for name, value in pairs if name == SCOPE])
    if (STEP, FIELDS) in pairs:
        return _form(request, browser_of(request), chosen, nonce=_nonce(dict(pairs).get(NONCE, "")))
    return _choice(request, chosen)


async def register(request: Request[State]) -> Answer:
    """POST of the form: what has been registered, or the form again; or the result as a file."""
    require_own_site(request)
    form = Multipart(request)
    texts, files = await form.whole(limit_bytes=request.state["settings"].max_attachments_bytes)
    browser = browser_of(request)
    if DOWNLOAD in texts:
        return await _download(request, browser, texts)
    entered = Entered(texts, {one.name: one.content for one in files})
    catalog = request.state["context"].catalog
    chosen = choices.chosen(catalog, texts.get(SCOPE, "").split())
    nonce = _nonce(texts.get(NONCE, ""))
    reading = inputs.read(catalog, chosen, entered)
    if browser.is_new:
        return _form(request, browser, chosen, nonce=nonce, entered=entered, reading=reading, failure=_COOKIES_NEEDED)
    require_own_form(request, texts, browser.secret, PATH)
    if reading.errors:
        return _form(request, browser, chosen, nonce=nonce, entered=entered, reading=reading)
    try:
        return await _registered(request, browser, chosen, reading, nonce)
    except (InvalidClientMetadata, TooManyRequests) as refusal:
        return _form(request, browser, chosen, nonce=nonce, entered=entered, reading=reading, refusal=refusal)


async def _registered(
    request: Request[State], browser: Browser, chosen: Sequence[Scope], reading: Reading, nonce: str
) -> Answer:
    """Register, unless this form has done so before, and show what there is then.

    Raises:
        InvalidClientMetadata: What was entered is not acceptable after all.
        TooManyRequests: There are too many registrations.
        StoreUnavailable: As `registration.register`.
    """
    state = request.state
    context, now = state["context"], state["now"]()
    registration_id = registration_id_of(f"{browser.secret} {nonce}")
    note_client(request, registration_id)
    if (made := await outcome.find(context, registration_id, now=now)) is None:
        await state["limiters"].registration.spend(address_of(request))
        scope = " ".join([CLIENT_ADMIN, *(one.id for one in chosen)])
        # A Conflict: somebody has pressed the button twice, and the other request was a little faster.
        with contextlib.suppress(Conflict):
            await registration.register(
                context, {**reading.metadata, "scope": scope}, now=now, registration_id=registration_id
            )
            state["metrics"].registered("form")
        made = await outcome.read(context, registration_id, now=now)
    is_new = (now - made.created).total_seconds() <= REPEAT_SECONDS
    return _result(request, browser, made) if is_new else _again(request, made)


async def _download(request: Request[State], browser: Browser, texts: dict[str, str]) -> Answer:
    """The answer of the registration endpoint as a file, for somebody who knows the secret in it.

    So a file can be had without a script, without an address that has a secret in it, and nothing is shown twice.
    """
    registration_id = texts[DOWNLOAD]
    require_own_form(request, texts, browser.secret, f"{PATH} {registration_id}")
    state = request.state
    note_client(request, registration_id)
    made = await outcome.read(state["context"], registration_id, now=state["now"]())
    if not made.is_secret(texts.get("client_secret", "")):
        return _again(request, made)
    disposition = content_disposition(f"client-{registration_id}.json").encode("latin-1")
    return Answer(
        made.document(),
        content_type=b"application/json",
        headers=[(b"content-disposition", disposition), *NO_STORE],
    )


def _nonce(given: str) -> str:
    """What tells this form from others of the same browser. It is no secret, so it may be in an address."""
    return given if 0 < len(given) <= _LONGEST_NONCE else secrets.token_urlsafe(16)


def _choice(request: Request[State], chosen: Sequence[Scope]) -> Answer:
    """Step 1."""
    state = request.state
    catalog, settings = state["context"].catalog, state["settings"]
    return page(
        state,
        f"{_FOLDER}/choose.html",
        **_common(request),
        cards=choices.cards(catalog, settings),
        chosen={scope.id for scope in chosen},
        nonce=_nonce(""),
        registration_endpoint=f"{settings.public_url}/oauth/register",
    )


def _form(
    request: Request[State],
    browser: Browser,
    chosen: Sequence[Scope],
    *,
    nonce: str,
    entered: Entered | None = None,
    reading: Reading | None = None,
    failure: str = "",
    refusal: Refusal | None = None,
) -> Answer:
    """Step 2, for the first time or again: with an error at the top, or errors beside the fields."""
    state = request.state
    catalog, settings = state["context"].catalog, state["settings"]
    about, links = inputs.about(reading, entered)
    required, optional = inputs.asked(catalog, chosen, reading, entered)
    wrong = [one for one in (*about, *links, *required, *optional) if one.error]
    is_refused = bool(failure or wrong)
    status = refusal.status if refusal else HTTPStatus.BAD_REQUEST if is_refused else HTTPStatus.OK
    return page(
        state,
        f"{_FOLDER}/fill_in.html",
        status=int(status),
        headers=[*remember_browser(settings, browser), *(refusal_headers(refusal) if refusal else [])],
        **_common(request),
        chosen=chosen,
        scope=" ".join(scope.id for scope in chosen),
        about=about,
        links_of_app=links,
        links_open=any(one.error or one.value for one in links),
        required=required,
        optional=optional,
        wrong=wrong,
        has_files=any(one.kind == "file" for one in (*required, *optional)),
        steps=choices.steps(catalog, settings, chosen),
        failure=_words(refusal) if refusal else failure,
        nonce=nonce,
        form_token=form_token(browser.secret, PATH),
    )


def _result(request: Request[State], browser: Browser, made: Outcome) -> Answer:
    """Step 3."""
    state = request.state
    client_id = made.admin["client_id"]
    return page(
        state,
        f"{_FOLDER}/registered.html",
        status=HTTPStatus.CREATED.value,
        **_common(request),
        made=made,
        client_id=client_id,
        expires=made.expires(state["context"].catalog),
        download=DOWNLOAD,
        form_token=form_token(browser.secret, f"{PATH} {client_id}"),
        url=state["settings"].public_url,
        test_accounts=state["context"].catalog.test_accounts,
    )


def _again(request: Request[State], made: Outcome) -> Answer:
    """The page for a form that has been used: nothing happens, and no secret is shown."""
    return page(
        request.state,
        f"{_FOLDER}/again.html",
        status=Conflict.status,
        **_common(request),
        client_id=made.admin["client_id"],
    )


def _common(request: Request[State]) -> dict[str, Any]:
    state = request.state
    return {
        "action": base_path(state) + PATH,
        "token_name": FORM_TOKEN,
        "support": documentation.support(state["context"].catalog, state["settings"]),
    }


def _words(refusal: Refusal) -> str:
    """A refusal for people."""
    if isinstance(refusal, TooManyRequests):
        minutes = -(-refusal.retry_after_seconds // 60)
        return _TOO_MANY.format(wait="a minute" if minutes == 1 else f"{minutes} minutes")
    return refusal.description


routes = [Route(PATH, {"GET": show, "POST": register}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS)]
