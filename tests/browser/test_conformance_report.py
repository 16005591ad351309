"""The page of a conformance run: readable for everybody, and filtered without scripts."""

import pytest

from app.conformance.render import html_page
from tests.browser.inspection import inspect
from tests.conformance.reports import full_report, no_report

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_page_of_a_conformance_run(browser, tmp_path):
    page = await browser.new_page(java_script_enabled=True)
    for name, report in (("conformance", full_report()), ("conformance-not-run", no_report())):
        (tmp_path / f"{name}.html").write_text(html_page(report), encoding="utf-8")
        await page.goto((tmp_path / f"{name}.html").as_uri())
        await inspect(page, name)
    await page.close()


async def test_links_leave_only_the_clauses_of_an_outcome(browser, tmp_path):
    (tmp_path / "report.html").write_text(html_page(full_report()), encoding="utf-8")
    page = await browser.new_page(java_script_enabled=False)
    await page.goto((tmp_path / "report.html").as_uri())

    await page.get_by_role("link", name="failed").click()

    assert [await one.get_attribute("id") for one in await page.locator("details:visible").all()] == ["WG1-02-4.2-03"]
    assert await page.get_by_role("heading", name="Server metadata").count() == 0
    assert await page.get_by_text("scope is 'x', not 'cds_client_admin'").first.is_visible()
    await page.get_by_role("link", name="all").click()
    assert await page.locator("details:visible").count() == 5
    await page.close()
