"""Somebody opens the link of an onboarding step: which step it is, and what stands in the way.

The link is all that is asked for: a Client reads it in its Messages and gives it to whomever it concerns.
"""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from app.domain import onboarding_links
from app.domain.context import Context
from app.domain.onboarding_links import renew
from app.domain.onboarding_steps import Step
from app.domain.records import Access
from app.errors import NotFound
from app.schemas.registrations import RegistrationStatus
from app.web.access import note_client
from app.web.browser import Browser, Header, browser_of, form_token, remember_browser
from app.web.pages import base_path
from app.web.state import State

PATH: Final = "/onboarding/{message_id}"
KEY: Final = "key"
BACK: Final = "back"
STOPPED: Final = "stopped"
"""In the query when somebody has come back from the identity provider without having signed in."""

_LONGEST_KEY: Final = 200


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to the page of a step.

    Args:
        key: What the link proved itself with; empty for somebody who has come back from elsewhere.
    """

    request: Request[State]
    step: Step
    key: str
    browser: Browser

    @property
    def message_id(self) -> str:
        """The request that the step belongs to."""
        return self.step.request.object.message_id

    @property
    def access(self) -> Access:
        """What the step may be taken with."""
        return Access(self.step.registration.registration_id, self.request.state["now"]())

    @property
    def context(self) -> Context:
        """What domain functions take first."""
        return self.request.state["context"]

    @property
    def path(self) -> str:
        """The path and query of the link, below the public URL."""
        return f"/onboarding/{self.message_id}?{KEY}={self.key}"

    @property
    def action(self) -> str:
        """Where the forms of the page go: to the page itself, so that its address stays good."""
        return base_path(self.request.state) + self.path

    @property
    def purpose(self) -> str:
        """What form tokens of this step are good for."""
        return f"onboarding {self.message_id}"

    @property
    def token(self) -> str:
        """What a form of the page has to carry."""
        return form_token(self.browser.secret, self.purpose)

    @property
    def headers(self) -> list[Header]:
        """What the page has to have."""
        return remember_browser(self.request.state["settings"], self.browser)

    @property
    def is_suspended(self) -> bool:
        """Whether the whole registration is shut."""
        return self.step.registration.status is RegistrationStatus.SUSPENDED

    @property
    def is_expired(self) -> bool:
        """Whether the link has had its time."""
        return onboarding_links.is_expired(self.step, self.access.now)


async def arrive(request: Request[State]) -> Visit:
    """The visit that a request with a link is. One round trip, two more when the link has just expired.

    Raises:
        NotFound: The link leads nowhere.
    """
    state, key = request.state, _parameter(request, KEY)
    now = state["now"]()
    step = await onboarding_links.open_link(state["context"], request.path_params["message_id"], key, now=now)
    visit = _visit(request, step, key)
    if visit.is_expired:
        await renew(visit.context, visit.access.registration_id, visit.message_id, now)
    return visit


async def come_back(request: Request[State]) -> Visit:
    """The visit of somebody who has been elsewhere and now sees how far the step is. One round trip.

    Raises:
        NotFound: The link leads nowhere.
    """
    state, back = request.state, _parameter(request, BACK)
    now = state["now"]()
    step = await onboarding_links.open_return(state["context"], request.path_params["message_id"], back, now=now)
    return _visit(request, step, "")


def _visit(request: Request[State], step: Step, key: str) -> Visit:
    note_client(request, step.registration.registration_id)
    return Visit(request, step, key, browser_of(request))


def _parameter(request: Request[State], name: str) -> str:
    """A parameter of the query. Raises NotFound when it cannot be part of a link of ours."""
    values = request.query_params.getlist(name)
    if len(values) != 1 or len(values[0]) > _LONGEST_KEY:
        raise NotFound("This link leads nowhere. Please copy it once more from the Message, as a whole.")
    return values[0]
