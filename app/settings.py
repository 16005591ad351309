"""Every setting: its name, default, unit and meaning in one table, read once at the start.

Settings come from the process environment and from a file `.env` in the working directory; the environment wins. An
empty value counts as absent. All problems are reported together, so that one start is enough to learn about them.
"""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from app import setting_values as values
from app.errors import ConfigurationError
from app.setting_values import IpNetwork, RateLimit

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table, from which `.env.example` and the README are checked.

    `default` is the text that an operator would write for it; "" means that there is none.
    """

    name: str
    attribute: str
    default: str
    unit: str
    sentence: str
    parse: Callable[[str], object]

    @property
    def absent(self) -> object:
        """The value when nothing is set."""
        if self.default:
            return self.parse(self.default)
        return () if self.attribute == "trusted_proxies" else None


TABLE: tuple[Setting, ...] = (
    Setting(
        "CDS_PUBLIC_URL",
        "public_url",
        "http://127.0.0.1:8000",
        "URL",
        "Base of every URL that is published; https unless it is this machine.",
        values.public_url,
    ),
    Setting(
        "CDS_CATALOG",
        "catalog",
        "",
        "path",
        "The catalog file: what this utility offers; without it the bundled demo utility.",
        values.path,
    ),
    Setting(
        "CDS_STORE_URL",
        "store_url",
        "embedded:.data/store",
        "URL",
        "Where objects are kept: embedded:PATH, unix:PATH, redis://, rediss://, redis+cluster://, rediss+cluster://,"
        " redis+sentinel://host:port,host:port/service, rediss+sentinel:// or memory: (lost at the end).",
        values.store_url,
    ),
    Setting(
        "CDS_STORE_PASSWORD_FILE",
        "store_password_file",
        "",
        "path",
        "A file with the password of the store, read again for every new connection, so that a new password counts"
        " without a restart; the user, if there is one, stays in CDS_STORE_URL (redis://user@host).",
        values.path,
    ),
    Setting(
        "CDS_STORE_WAIT_REPLICAS",
        "store_wait_replicas",
        "0",
        "replicas",
        "A change is confirmed only after this many replicas of the store have it.",
        values.whole_number(0, 9),
    ),
    Setting(
        "CDS_FILES_URL",
        "files_url",
        "file:.data/files",
        "URL",
        "Where the bytes of files and attachments are kept: file:PATH, s3://, gs://, az:// or memory:"
        " (lost at the end).",
        values.files_url,
    ),
    Setting(
        "CDS_SECRET_KEYS",
        "secret_keys",
        "",
        "JWK Set",
        "Keys that seal client secrets at rest, as JSON or as a path: the first encrypts, all decrypt; without it an"
        " embedded store keeps generated ones in its directory.",
        values.text,
    ),
    Setting(
        "CDS_SIGNING_KEYS",
        "signing_keys",
        "",
        "JWK Set",
        "Keys that sign access tokens that are JWTs, as JSON or as a path: EC P-256 or RSA, the first whose nbf has"
        " come signs; without it an embedded store keeps a generated one in its directory.",
        values.text,
    ),
    Setting(
        "CDS_ACCESS_TOKEN_FORMAT",
        "access_token_format",
        "opaque",
        "opaque, jwt",
        "What new access tokens are: a text that says nothing, or a JSON Web Token (RFC 9068) that resource servers can"
        " read.",
        values.one_of(("opaque", "jwt")),
    ),
    Setting(
        "CDS_ACCESS_TOKEN_TTL",
        "access_token_ttl_seconds",
        "3600",
        "seconds",
        "How long an access token lives.",
        values.whole_number(1, 30 * 86400),
    ),
    Setting(
        "CDS_CODE_TTL",
        "code_ttl_seconds",
        "60",
        "seconds",
        "How long an authorization code waits to be exchanged for tokens.",
        values.whole_number(1, 600),
    ),
    Setting(
        "CDS_REFRESH_TOKEN_TTL",
        "refresh_token_ttl_seconds",
        "7776000",
        "seconds",
        "How long a refresh token lives that is not used; each use gives a new one.",
        values.whole_number(60, 10 * 366 * 86400),
    ),
    Setting(
        "CDS_OPERATOR_BOOTSTRAP_KEY",
        "operator_bootstrap_key",
        "",
        "text",
        "The key of an admin operator called bootstrap who is there from the start: at least 32 characters that nobody"
        " can guess. Make operators of their own with it, then take it away.",
        values.operator_key,
    ),
    Setting(
        "CDS_OPERATOR_OIDC_ISSUER",
        "operator_oidc_issuer",
        "",
        "URL",
        "The OpenID Connect provider that signs operators in to the console, exactly as it names itself;"
        " https unless it is this machine; without it they sign in with operator keys alone.",
        values.issuer_url,
    ),
    Setting(
        "CDS_OPERATOR_OIDC_CLIENT_ID",
        "operator_oidc_client_id",
        "",
        "text",
        "What that provider knows the console by; its redirect URI there is CDS_PUBLIC_URL/console/oidc/callback.",
        values.text,
    ),
    Setting(
        "CDS_OPERATOR_OIDC_CLIENT_SECRET",
        "operator_oidc_client_secret",
        "",
        "text",
        "The secret that goes with CDS_OPERATOR_OIDC_CLIENT_ID.",
        values.text,
    ),
    Setting(
        "CDS_OPERATOR_OIDC_ROLE_CLAIM",
        "operator_oidc_role_claim",
        "roles",
        "claim",
        "The claim that says what an operator may do, with dots for what is inside of another"
        " (realm_access.roles): viewer, support or admin, or several of them.",
        values.text,
    ),
    Setting(
        "CDS_USER_OIDC_ISSUER",
        "user_oidc_issuer",
        "",
        "URL",
        "The OpenID Connect provider that signs real customers in, exactly as it names itself; https unless it is this"
        " machine; without it only test accounts can sign in.",
        values.issuer_url,
    ),
    Setting(
        "CDS_USER_OIDC_CLIENT_ID",
        "user_oidc_client_id",
        "",
        "text",
        "What that provider knows this server by; its redirect URI there is CDS_PUBLIC_URL/oauth/oidc/callback.",
        values.text,
    ),
    Setting(
        "CDS_USER_OIDC_CLIENT_SECRET",
        "user_oidc_client_secret",
        "",
        "text",
        "The secret that goes with CDS_USER_OIDC_CLIENT_ID.",
        values.text,
    ),
    Setting(
        "CDS_SMTP_URL",
        "smtp_url",
        "",
        "URL",
        "The mail server that takes our mails: smtp://user:password@host:port (encrypted by STARTTLS, or nothing is"
        " sent; on this machine if it offers that), smtps:// (encrypted from the start) or smtp+plain:// (never"
        " encrypted, without a user, for a relay in your own network); without it mails wait where the console shows"
        " them.",
        values.smtp_url,
    ),
    Setting(
        "CDS_MAIL_FROM",
        "mail_from",
        "",
        "address",
        "The sender of our mails: an address, or Name <address>.",
        values.mail_from,
    ),
    Setting(
        "CDS_ONBOARDING_CALLBACK_SECRET",
        "onboarding_callback_secrets",
        "",
        "whsec_ secrets",
        "What systems that take payments or forms elsewhere sign their calls to CDS_PUBLIC_URL/onboarding/callback"
        " with: whsec_ and 24 to 64 bytes in Base64; two of them, with a blank between, while one replaces the other.",
        values.webhook_secrets,
    ),
    Setting(
        "CDS_RATE_LIMIT_ANONYMOUS",
        "rate_limit_anonymous",
        "1200/minute",
        "rate or off",
        "Requests without a token, per source address.",
        values.rate_limit,
    ),
    Setting(
        "CDS_RATE_LIMIT_CLIENT",
        "rate_limit_client",
        "6000/minute",
        "rate or off",
        "Requests with a token, per Client Object.",
        values.rate_limit,
    ),
    Setting(
        "CDS_RATE_LIMIT_FAILED_AUTH",
        "rate_limit_failed_auth",
        "30/minute",
        "rate or off",
        "Failed authentications, per source address.",
        values.rate_limit,
    ),
    Setting(
        "CDS_RATE_LIMIT_REGISTRATION",
        "rate_limit_registration",
        "60/hour",
        "rate or off",
        "New registrations, per source address.",
        values.rate_limit,
    ),
    Setting(
        "CDS_FORGET_UNUSED",
        "forget_unused_days",
        "off",
        "days or off",
        "After how many days a registration is forgotten with which nobody has ever done anything; at least 7.",
        values.days_or_off(7, 3650),
    ),
    Setting(
        "CDS_TRUSTED_PROXIES",
        "trusted_proxies",
        "",
        "networks",
        "Networks whose X-Forwarded-* and Forwarded headers count; without it none do.",
        values.networks,
    ),
    Setting(
        "CDS_MAX_BODY",
        "max_body_bytes",
        "1MiB",
        "size",
        "The largest request body without files; over it the answer is 413. Messages, registrations and Client Objects "
        "may carry files as CDS_MAX_ATTACHMENTS says.",
        values.size_bytes(16 * KIB, 64 * MIB),
    ),
    Setting(
        "CDS_MAX_ATTACHMENTS",
        "max_attachments_bytes",
        "16MiB",
        "size",
        "The most that the attachments of one Message may hold together, decoded; at least 10MiB.",
        values.size_bytes(10 * MIB, GIB),
    ),
    Setting(
        "CDS_LOG_FORMAT",
        "log_format",
        "auto",
        "auto, console, json",
        "How log lines look; auto is console on a terminal and json elsewhere.",
        values.one_of(("auto", "console", "json")),
    ),
    Setting(
        "CDS_LOG_LEVEL",
        "log_level",
        "info",
        "debug, info, warning, error",
        "The least important log line that is written.",
        values.one_of(("debug", "info", "warning", "error")),
    ),
    Setting(
        "CDS_WORKERS",
        "workers",
        "1",
        "processes",
        "How many processes serve requests.",
        values.whole_number(1, 64),
    ),
    Setting(
        "CDS_WORKER",
        "worker",
        "internal",
        "internal, external",
        "Where background jobs run: inside every process that serves requests, or in processes that cds-server worker"
        " starts.",
        values.one_of(("internal", "external")),
    ),
    Setting(
        "CDS_METRICS",
        "metrics",
        "on",
        "on, proxied, off",
        "Metrics for Prometheus at /metrics: on answers those who ask this server directly and hides it from those who"
        " come through a proxy; proxied answers them too, so the proxy has to keep outsiders away.",
        values.one_of(("on", "proxied", "off")),
    ),
)

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


BY_NAME = {setting.name: setting for setting in TABLE}


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


def read_environment(cwd: Path) -> dict[str, str]:
    """The process environment, over what the file `.env` in `cwd` says.

    Raises:
        ConfigurationError: `.env` cannot be read, or has lines that are not NAME=value.
    """
    return {**read_env_file(cwd / ".env"), **os.environ}


def read_env_file(path: Path) -> dict[str, str]:
    """The names and values of a `.env` file; empty when there is none.

    A line is `NAME=value`, with `export ` before it if you like. Quotes around a value are taken away and keep what is
    inside as it stands; without quotes a ` #` starts a comment.

    Raises:
        ConfigurationError: With one sentence per line that is none of these.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError([f"{path} cannot be read: {reason}."]) from error
    found: dict[str, str] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = ENV_LINE.fullmatch(line)
        if match is None:
            problems.append(f"{path} line {number} is not NAME=value (or a quote is not closed).")
            continue
        quoted = match["single"] if match["double"] is None else match["double"]
        found[match["name"]] = match["plain"] if quoted is None else quoted
    if problems:
        raise ConfigurationError(problems)
    return found


ENV_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*
    (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<plain>(?!["'])(?:(?!(?:^|\s)\#).)*?) )
    \s*(?:(?<=\s)\#.*)?""",
    re.VERBOSE,
)
