"""What a browser brings back from an identity provider."""

from typing import Any

from starlette.requests import Request

from app.domain.oidc import SignInAnswer
from app.errors import InvalidRequest


def read_answer(request: Request[Any]) -> SignInAnswer:
    """What the query says. A parameter that is there twice could mean one thing here and another elsewhere.

    Raises:
        InvalidRequest: One is.
    """
    query = request.query_params
    for name in SignInAnswer._fields:
        if len(query.getlist(name)) > 1:
            raise InvalidRequest("It is there more than once.", field=name)
    return SignInAnswer(**{name: query.get(name) for name in SignInAnswer._fields})
