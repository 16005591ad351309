"""What a request may use: one typed state, filled when the service starts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from app.domain.allowances import Allowances
from app.domain.authorization_store import AuthorizationStore, UserStore
from app.domain.broadcasts import BroadcastStore
from app.domain.context import Context
from app.domain.deliveries import DeliveryQueue
from app.domain.depths import DepthGauge
from app.domain.directory import Directory
from app.domain.feed import Feed
from app.domain.mails import MailQueue
from app.domain.oidc import IdentityProvider
from app.domain.opened_files import OpenedFiles
from app.domain.operator_sessions import OperatorSessionStore
from app.domain.operators import OperatorKeys
from app.domain.overview import StoreHealth
from app.domain.repeats import Repeats
from app.domain.tokens import TokenStore
from app.domain.unused import UnusedStore
from app.domain.user_tokens import UserTokenStore
from app.domain.webhooks import WebhookStore
from app.logs import RequestLine
from app.settings import Settings
from app.web.counting import Metrics
from app.web.rate_limit import RateLimiter
from app.web.traces import Traces


@dataclass(frozen=True, slots=True)
class Limiters:
    """The four rate limits of section 11.3, by the setting that each has."""

    anonymous: RateLimiter
    client: RateLimiter
    failed_auth: RateLimiter
    registration: RateLimiter


class State(TypedDict):
    """Read as `request.state["context"]` from a `Request[State]`."""

    settings: Settings
    context: Context
    tokens: TokenStore
    user_tokens: UserTokenStore
    authorizations: AuthorizationStore
    users: UserStore
    identity_provider: IdentityProvider | None
    operator_identity_provider: IdentityProvider | None
    opened_files: OpenedFiles
    directory: Directory
    operators: OperatorKeys
    operator_sessions: OperatorSessionStore
    outbox: MailQueue
    webhooks: WebhookStore
    deliveries: DeliveryQueue
    allowances: Allowances
    store_health: StoreHealth
    depths: DepthGauge
    metrics: Metrics
    traces: Traces | None
    repeats: Repeats
    unused: UnusedStore
    broadcasts: BroadcastStore
    feed: Feed
    limiters: Limiters
    now: Callable[[], datetime]


Facts = RequestLine
"""What the log line of a request says about it; filled as it becomes known."""
