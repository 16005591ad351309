"""Every setting: its name, default, unit and meaning in one table.

`.env.example`, the README and the chart are held against it by tests.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app import setting_values as values

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

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
        "A change is confirmed only after this many replicas of the store have it; it survives any failover if each"
        " primary has no more of them.",
        values.whole_number("replicas", 0, 9),
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
        values.whole_number("seconds", 1, 30 * 86400),
    ),
    Setting(
        "CDS_CODE_TTL",
        "code_ttl_seconds",
        "60",
        "seconds",
        "How long an authorization code waits to be exchanged for tokens.",
        values.whole_number("seconds", 1, 600),
    ),
    Setting(
        "CDS_REFRESH_TOKEN_TTL",
        "refresh_token_ttl_seconds",
        "7776000",
        "seconds",
        "How long a refresh token lives that is not used; each use gives a new one.",
        values.whole_number("seconds", 60, 10 * 366 * 86400),
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
        values.whole_number("processes", 1, 64),
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

BY_NAME = {setting.name: setting for setting in TABLE}
