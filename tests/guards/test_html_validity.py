"""Every page that any test reads is judged (`tests.html_pages.View`); these tests see to it that the judge is awake."""

import pytest

from tests.html_validity import problems_of

PAGE = '<!doctype html><html lang="en"><head><title>A page</title></head><body>{}</body></html>'


def test_a_valid_page_has_no_problems() -> None:
    assert problems_of(PAGE.format("<h1>A page</h1>")) == ()


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        ("<p><div>A box in a paragraph</div></p>", "no-implicit-close"),
        ('<p id="a">One</p><p id="a">Two</p>', "no-dup-id"),
        ("<ul><p>No item</p></ul>", "element-permitted-content"),
        ('<label for="nobody">Name</label>', "no-missing-references"),
        ('<button type="press">Go</button>', "attribute-allowed-values"),
    ],
)
def test_what_is_wrong_is_found(planted: str, rule: str) -> None:
    assert any(rule in problem for problem in problems_of(PAGE.format(planted)))
