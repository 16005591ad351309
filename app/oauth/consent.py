"""The page on which a user decides about an authorization request, and the decision.

Approving and declining are POSTs of our own page. Of all that come for one request only the first counts; a browser
that sends the same answer again, because the button was pressed twice, gets the same redirect again.

Source: RFC 6749 4.1.1, 10.2 and 10.12; RFC 9396 11; CDS-WG1-02 8.3.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from app.domain import approval, asker
from app.domain.approval import Question
from app.domain.asker import Asker
from app.domain.consent import in_words
from app.domain.field_files import image
from app.errors import InvalidRequest, NotFound
from app.oauth import sign_in, visits
from app.oauth.visits import Visit
from app.web.answers import Answer
from app.web.bodies import read_form
from app.web.browser import require_own_form
from app.web.pages import Policy, page, redirect
from app.web.routing import ErrorStyle, Limit, Route
from app.web.sessions import SignedIn
from app.web.state import State

APPROVE: Final = "approve"
_LOGO_HEADERS: Final = (
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"private, max-age=600"),
)


async def show(request: Request[State]) -> Answer:
    """GET: sign in first, then see what is asked. Whoever it cannot be for goes back to the Client at once (8.3)."""
    visit = await visits.arrive(request)
    if visit.signed_in is None:
        return sign_in.for_request(request, visit)
    elsewhere = await approval.require_suitable_user(_question(request, visit, visit.signed_in))
    return redirect(elsewhere) if elsewhere else _page(request, visit, visit.signed_in)


async def decide(request: Request[State]) -> Answer:
    """POST of one of the two forms: back to the Client, either way."""
    visit = await visits.arrive(request, even_answered=True)
    form = await read_form(request)
    match form.get("decision"):
        case "approve":
            return await _approve(request, visit, form)
        case "decline":
            return await _decline(request, visit, form)
        case _:
            raise InvalidRequest("decision must be one of approve, decline.", field="decision")


async def _approve(request: Request[State], visit: Visit, form: dict[str, str]) -> Answer:
    """Whose session has ended meanwhile signs in again, and is asked again."""
    if visit.signed_in is None:
        return redirect(visits.path_of(request.state, visit.handle))
    require_own_form(request, form, visit.secret(APPROVE), visit.purpose(APPROVE))
    return redirect(await approval.approve(_question(request, visit, visit.signed_in)))


async def _decline(request: Request[State], visit: Visit, form: dict[str, str]) -> Answer:
    state = request.state
    require_own_form(request, form, visit.secret(sign_in.DECLINE), visit.purpose(sign_in.DECLINE))
    return redirect(await approval.decline(state["context"], state["authorizations"], visit.handle, now=state["now"]()))


async def logo(request: Request[State]) -> Answer:
    """The uploaded logo of the Client that asks, for the page of the request only."""
    visit = await visits.arrive(request)
    context = request.state["context"]
    key = asker.describe(context.catalog, visit.client, visit.registration).logo_key
    file = image(await context.files.get(key)) if key else None
    if file is None:
        raise NotFound("There is no such logo.")
    return Answer(file.content, content_type=file.mime_type.encode(), headers=_LOGO_HEADERS)


def _question(request: Request[State], visit: Visit, signed_in: SignedIn) -> Question:
    state = request.state
    return Question(
        context=state["context"],
        authorizations=state["authorizations"],
        users=state["users"],
        handle=visit.handle,
        transaction=visit.transaction,
        user=signed_in.session,
        now=state["now"](),
    )


def _page(request: Request[State], visit: Visit, signed_in: SignedIn) -> Answer:
    state, asked = request.state, visit.transaction.request
    catalog = state["context"].catalog
    who = asker.describe(catalog, visit.client, visit.registration)
    returns_here = asked.redirect_uri == state["context"].links.receipt
    return page(
        state,
        "oauth/templates/consent.html",
        policy=Policy(images=_image_source(who), forms=sign_in.form_targets(asked.redirect_uri)),
        headers=visit.headers,
        sandbox=visit.sandbox,
        user=signed_in,
        asker=who,
        logo=visits.path_of(state, visit.handle, "logo") if who.logo_key else who.logo_url,
        parts=in_words(catalog, asked.scope, asked.authorization_details, authorized_at=state["now"]()),
        renews=bool(asked.cds_grant_id),
        returns_to="" if returns_here else urlsplit(asked.redirect_uri).netloc,
        transaction=visit.handle,
        decision=visits.path_of(state, visit.handle, "decision"),
        approve_token=visit.token(APPROVE),
        decline_token=visit.token(sign_in.DECLINE),
    )


def _image_source(who: Asker) -> str:
    """What the page may load: our copy of the logo, or the origin of the Client's own one, and nothing else."""
    if who.logo_key:
        return "'self'"
    return asker.origin(who.logo_url) if who.logo_url else "'none'"


routes = [
    Route("/oauth/authorize/{transaction}", {"GET": show}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
    Route("/oauth/authorize/{transaction}/decision", {"POST": decide}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
    Route("/oauth/authorize/{transaction}/logo", {"GET": logo}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
]
