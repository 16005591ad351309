"""Every route of the onboarding pages."""

from typing import Final

from app.onboarding import calls, forms, pages, sign_on
from app.web.routing import Route

routes: Final[list[Route]] = [*pages.routes, *sign_on.routes, *forms.routes, *calls.routes]
