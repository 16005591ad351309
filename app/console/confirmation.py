"""A page between a button and something that cannot simply be taken back: what will happen, and why it is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from app.console.shell import Form, console_page
from app.errors import Refusal
from app.web.answers import Answer
from app.web.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an operator is asked.

    Args:
        title: What is about to be done.
        consequences: A sentence each.
        yes: The button.
        back: Where not doing it leads, below the public URL.
        crumbs: The pages above.
        reason: The label of a text that goes along, "" for none.
        reason_hint: What it is good for.
        reason_required: Whether there has to be one.
        danger: Whether the button looks like it.
    """

    title: str
    consequences: Sequence[str]
    yes: str
    back: str
    crumbs: Sequence[tuple[str, str]]
    reason: str = ""
    reason_hint: str = ""
    reason_required: bool = False
    danger: bool = True


def ask(
    request: Request[State], question: Question, *, form: Form | None = None, refusal: Refusal | None = None
) -> Answer:
    """The page; after a refusal with what was entered, and why it was refused."""
    return console_page(
        request,
        "confirm.html",
        status=refusal.status if refusal else 200,
        title=question.title,
        crumbs=question.crumbs,
        question=question,
        form=form or Form([]),
        refusal=refusal,
    )
