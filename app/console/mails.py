"""The outbox: what waits, what failed, and, where there is no mail server, what the mails say."""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request

from app.console.shell import console_page, console_route, signed_in
from app.domain.mails import MAIL_PAGE, KeptMail, MailStatus
from app.domain.operators import SUPPORTING
from app.errors import InvalidRequest
from app.web.answers import Answer
from app.web.pages import base_path
from app.web.state import State

PATH: Final = "/console/mails"
_MAX_ID: Final = 200


async def show(request: Request[State]) -> Answer:
    """GET: the mails of `status`, or all of them, newest first, from the one after `before` on.

    What a mail says is shown to nobody who could read it in its mailbox as well: with a mail server it goes there.
    """
    acting = await signed_in(request)
    state, query = request.state, request.query_params
    status, before = _status(query.get("status", "")), query.get("before", "")[:_MAX_ID]
    mails = await state["outbox"].latest(status, before=before or None)
    has_server = state["settings"].smtp_url is not None
    return console_page(
        request,
        "mails.html",
        title="Mails",
        lead=_lead(has_server=has_server),
        mails=mails,
        is_read=not has_server and acting.may(SUPPORTING),
        tones={MailStatus.WAITING: "waiting", MailStatus.SENT: "good", MailStatus.FAILED: "bad"},
        tabs=[
            (name, f"{base_path(state)}{PATH}" + (f"?status={one}" if one else ""), one == (status or ""), None)
            for one, name in (("", "All"), *((each.value, each.value.capitalize()) for each in MailStatus))
        ],
        newest=_link(request, status) if before else "",
        older=_link(request, status, mails[-1]) if len(mails) == MAIL_PAGE else "",
    )


def _status(text: str) -> MailStatus | None:
    if text and text not in set(MailStatus):
        raise InvalidRequest("There are no mails of such a status.", field="status")
    return MailStatus(text) if text else None


def _lead(*, has_server: bool) -> str:
    if has_server:
        return (
            "Mails go out through the mail server of CDS_SMTP_URL. What was sent is known for a week, without its text."
        )
    return (
        "No mail server is set (CDS_SMTP_URL), so mails wait here. Pass on what they say, or set one and they go out."
    )


def _link(request: Request[State], status: MailStatus | None, last: KeptMail | None = None) -> str:
    named = {"status": status.value if status else "", "before": last.mail.id if last else ""}
    query = urlencode({name: value for name, value in named.items() if value})
    return f"{base_path(request.state)}{PATH}" + (f"?{query}" if query else "")


routes = [console_route(PATH, GET=show)]
