"""What the server was told to be: every setting of `app.setting_table`, read and checked once at the start.

Settings come from the process environment and from a file `.env` in the working directory; the environment wins. An
empty value counts as absent. All problems are reported together, so that one start is enough to learn about them.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from app.errors import ConfigurationError
from app.setting_table import BY_NAME, TABLE
from app.setting_values import IpNetwork, RateLimit

SERVICE_LINK = re.compile(r"CDS_.*(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")
"""What Kubernetes puts into the environment for a Service whose name starts with `cds-`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server was told to be. Attributes follow the table, with the unit in the name."""

    public_url: str
    catalog: Path | None
    store_url: str = field(repr=False)
    store_password_file: Path | None
    store_wait_replicas: int
    files_url: str = field(repr=False)
    secret_keys: str | None = field(repr=False)
    signing_keys: str | None = field(repr=False)
    access_token_format: Literal["opaque", "jwt"]
    access_token_ttl_seconds: int
    code_ttl_seconds: int
    refresh_token_ttl_seconds: int
    operator_bootstrap_key: str | None = field(repr=False)
    operator_oidc_issuer: str | None
    operator_oidc_client_id: str | None
    operator_oidc_client_secret: str | None = field(repr=False)
    operator_oidc_role_claim: str
    user_oidc_issuer: str | None
    user_oidc_client_id: str | None
    user_oidc_client_secret: str | None = field(repr=False)
    smtp_url: str | None = field(repr=False)
    mail_from: str | None
    onboarding_callback_secrets: tuple[str, ...] | None = field(repr=False)
    rate_limit_anonymous: RateLimit | None
    rate_limit_client: RateLimit | None
    rate_limit_failed_auth: RateLimit | None
    rate_limit_registration: RateLimit | None
    forget_unused_days: int | None
    trusted_proxies: tuple[IpNetwork, ...]
    max_body_bytes: int
    max_attachments_bytes: int
    log_format: Literal["auto", "console", "json"]
    log_level: Literal["debug", "info", "warning", "error"]
    workers: int
    worker: Literal["internal", "external"]
    metrics: Literal["on", "proxied", "off"]

    @property
    def access_tokens_are_jwts(self) -> bool:
        """Whether new access tokens are JWTs."""
        return self.access_token_format == "jwt"  # noqa: S105 -- a format

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read every `CDS_*` name of `environ`; the rest of it is ignored.

        Raises:
            ConfigurationError: With one sentence per wrong, unknown or contradicting setting.
        """
        problems = [unknown(name) for name in sorted(environ) if name.startswith("CDS_") and name not in BY_NAME]
        found: dict[str, Any] = {}
        for setting in TABLE:
            written = environ.get(setting.name, "").strip()
            try:
                found[setting.attribute] = setting.parse(written) if written else setting.absent
            except ValueError as error:
                problems.append(f"{setting.name} {error}.")
        if problems:
            raise ConfigurationError(problems)
        settings = cls(**found)
        if problems := contradictions(settings):
            raise ConfigurationError(problems)
        return settings


def unknown(name: str) -> str:
    """The sentence about a `CDS_*` name that is not in the table."""
    if nearest := difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.75):
        return f"{name} is not a setting; did you mean {nearest[0]}?"
    if SERVICE_LINK.fullmatch(name):
        return f"{name} is not a setting; Kubernetes adds such names unless the pod says enableServiceLinks: false."
    return f"{name} is not a setting; .env.example lists all of them."


def contradictions(settings: Settings) -> list[str]:
    """Settings that are fine alone and wrong together, as sentences."""
    own_store = settings.store_url.startswith(("embedded:", "memory:"))
    problems = []
    if settings.workers > 1 and settings.store_url == "memory:":
        problems.append("CDS_WORKERS needs to be 1 with CDS_STORE_URL=memory:, because memory is not shared.")
    if settings.workers > 1 and settings.files_url == "memory:":
        problems.append("CDS_WORKERS needs to be 1 with CDS_FILES_URL=memory:, because memory is not shared.")
    if settings.store_wait_replicas and own_store:
        problems.append("CDS_STORE_WAIT_REPLICAS needs to be 0 with this CDS_STORE_URL, because it has no replicas.")
    if settings.store_password_file and settings.store_url.startswith(("embedded:", "memory:", "unix:")):
        problems.append("CDS_STORE_PASSWORD_FILE is for stores that are asked over the network; leave it out.")
    for who in ("operator", "user"):
        problems += incomplete(settings, *(f"{who}_oidc_{part}" for part in ("issuer", "client_id", "client_secret")))
    return problems + incomplete(settings, "smtp_url", "mail_from")


def incomplete(settings: Settings, *attributes: str) -> list[str]:
    """A sentence when some of these settings are there and some are not."""
    named = {setting.attribute: setting.name for setting in TABLE}
    missing = [named[attribute] for attribute in attributes if getattr(settings, attribute) is None]
    if len(missing) in {0, len(attributes)}:
        return []
    together = ", ".join(named[attribute] for attribute in attributes)
    return [f"{together} are all needed or none of them; missing: {', '.join(missing)}."]
