"""What schemathesis leaves out, each with its reason."""

import json
import os
import re
from typing import Any

import schemathesis

_CONTROL = re.compile(r"\\u00(?:0[0-8bcef]|1[0-9a-f]|7f)|\\[bf]|\x7f", re.IGNORECASE)
_KEPT = frozenset(os.environ.get("CDS_TEST_KEEP", "").split())


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: Any) -> bool:
    """Only requests whose answer the description decides on, and that leave the run its token."""
    return not (
        _has_cursor(case) or _has_empty_parameter(case) or _has_control_characters(case) or _ends_own_token(case)
    )


def _has_cursor(case: Any) -> bool:
    """A cursor is opaque: the only good ones are in links, which tests/spec/ and tests/operator/ follow."""
    return any(name == "cursor" or name.endswith("_cursor") for name in case.query or {})


def _has_empty_parameter(case: Any) -> bool:
    """An empty parameter counts as left out (ambiguities J3), so it is neither good nor bad."""
    return any(value in ("", [""], []) for value in (case.query or {}).values())


def _has_control_characters(case: Any) -> bool:
    """Control characters are refused wherever they are, also in members that nobody has a schema for."""
    try:
        return _CONTROL.search(json.dumps(case.body)) is not None
    except TypeError:
        return False


def _ends_own_token(case: Any) -> bool:
    """Closing its own Grant, expiring its own Credential or suspending its own registration ends a Client's token.

    That is what it is for; with the token gone the rest of the run would see nothing but 401.
    """
    values = {str(value) for value in (case.path_parameters or {}).values()}
    return case.method.upper() not in {"GET", "HEAD"} and bool(values & _KEPT)
