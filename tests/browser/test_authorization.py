"""What a user goes through between an application and its code, in a real browser (CDS-WG1-02 4.2, 5.2, 8.3)."""

import pytest

from tests.browser.apps import App, answer_of
from tests.browser.sites import Site
from tests.browser.users import MARA, SCHOOL, OpenUser, User

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_an_application_gets_access_to_what_its_user_has_seen(
    app: App, users: OpenUser, java_script: bool
) -> None:
    user = await users(java_script_enabled=java_script)

    await user.go(await app.push(authorization_details=[{"type": "ple_customer_data", "interval": "monthly"}]))
    assert await user.heading() == "Sign in to Prairie & Lake Energy"
    await user.sign_in()
    assert await user.heading() == "Meadow Home asks for access"
    facts = await user.facts()
    assert "made-up customers" in await user.text()
    await user.press("Approve")
    assert await user.heading() == "Back at the application"

    tokens = await app.redeem(app.code_of(user.page.url))
    (grant,) = await app.grants()
    refreshed = await app.exchange(app.own, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert facts["Length of interval"].startswith("Billing month")
    assert facts["Company name"] == "Meadow Software GmbH"
    assert grant["status"] == "active"
    assert grant["authorization_details"][0]["interval"] == "monthly"
    assert tokens["authorization_details"] == grant["authorization_details"]
    assert await app.is_active(refreshed["access_token"])
