"""Every metric that `/metrics` has: its name, type, labels and meaning in one table.

Dashboards, alerts and the page of the documentation use these names and no others. A label never has an id or anything
else of a person or a registration in it; its values are few and known, so that no caller can make up new series.

What processes count is counted by each of them and added up when somebody asks (`app.web.counting`). What is a fact of
the whole installation is read from the store at that moment, and every server tells the same: use `max`, not `sum`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What Prometheus calls the type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Origin(StrEnum):
    """Who knows the value."""

    PROCESSES = "processes"
    """Each process of this server or worker its part; the sum is told."""
    SYSTEM = "system"
    """The operating system, of each process."""
    STORE = "store"
    """The store, for all servers together. Missing while it does not answer."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row.

    Args:
        name: As it is written in queries; of a histogram without `_bucket`, `_sum` and `_count`.
        buckets: Upper bounds of a histogram, in seconds.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    origin: Origin = Origin.PROCESSES
    buckets: tuple[float, ...] = ()


_HTTP_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STORE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

REQUESTS: Final = Metric(
    "cds_http_requests_total",
    Kind.COUNTER,
    ("route", "method", "status"),
    "Requests that were answered, by route template; status 499 means that the caller went away.",
)
REQUEST_DURATION: Final = Metric(
    "cds_http_request_duration_seconds",
    Kind.HISTOGRAM,
    ("route",),
    "Time from the head of a request to the end of its answer.",
    buckets=_HTTP_BUCKETS,
)
IN_FLIGHT: Final = Metric("cds_http_requests_in_flight", Kind.GAUGE, (), "Requests that are being answered now.")
RATE_LIMITED: Final = Metric(
    "cds_rate_limited_total",
    Kind.COUNTER,
    ("limit",),
    "Requests refused with 429: by the limits anonymous, client, failed_auth or registration, or by a quota (other).",
)
AUTH_FAILURES: Final = Metric(
    "cds_auth_failures_total",
    Kind.COUNTER,
    ("reason",),
    "Failed authentications, by error code: invalid_token, invalid_client, invalid_signature or wrong_login.",
)
TOKENS_ISSUED: Final = Metric(
    "cds_tokens_issued_total",
    Kind.COUNTER,
    ("grant_type",),
    "Access tokens issued: client_credentials, authorization_code or refresh_token.",
)
REGISTRATIONS: Final = Metric(
    "cds_registrations_total",
    Kind.COUNTER,
    ("channel",),
    "Registrations made: by the registration endpoint (api) or by people on the registration page (form).",
)
EVENTS: Final = Metric(
    "cds_events_total",
    Kind.COUNTER,
    ("type",),
    "Events that this server or worker has moved to the feed, by type, such as message.created; each once.",
)
STORE_ROUND_TRIPS: Final = Metric(
    "cds_store_round_trip_duration_seconds",
    Kind.HISTOGRAM,
    (),
    "Round trips to the store and how long they took; one may carry the commands of many requests.",
    buckets=_STORE_BUCKETS,
)
STORE_COMMANDS: Final = Metric("cds_store_commands_total", Kind.COUNTER, (), "Commands that were sent to the store.")
STORE_ERRORS: Final = Metric(
    "cds_store_errors_total",
    Kind.COUNTER,
    ("reason",),
    "Commands that failed: unavailable (no answer, or not now, or too few replicas) or refused (an error).",
)
MAILS: Final = Metric(
    "cds_mails_total",
    Kind.COUNTER,
    ("outcome",),
    "Attempts to hand a mail to the mail server: sent, delayed (tried again later) or failed (given up).",
)
WEBHOOK_DELIVERIES: Final = Metric(
    "cds_webhook_deliveries_total",
    Kind.COUNTER,
    ("outcome",),
    "Attempts to deliver an event to a webhook: delivered, delayed (tried again later) or dead (given up).",
)
JOB_STEPS: Final = Metric(
    "cds_job_steps_total",
    Kind.COUNTER,
    ("task", "outcome"),
    "Steps of background jobs: worked (there was something to do), idle or failed.",
)
BUILD_INFO: Final = Metric(
    "cds_build_info",
    Kind.GAUGE,
    ("version", "python"),
    "Always 1; the labels say what is running.",
    Origin.SYSTEM,
)
PROCESS_CPU: Final = Metric(
    "process_cpu_seconds_total",
    Kind.COUNTER,
    ("worker",),
    "CPU time of a process, by its number.",
    Origin.SYSTEM,
)
PROCESS_MEMORY: Final = Metric(
    "process_resident_memory_bytes",
    Kind.GAUGE,
    ("worker",),
    "Resident memory of a process.",
    Origin.SYSTEM,
)
PROCESS_FDS: Final = Metric(
    "process_open_fds",
    Kind.GAUGE,
    ("worker",),
    "Open file descriptors of a process.",
    Origin.SYSTEM,
)
PROCESS_MAX_FDS: Final = Metric(
    "process_max_fds",
    Kind.GAUGE,
    ("worker",),
    "How many file descriptors a process may have open.",
    Origin.SYSTEM,
)
PROCESS_START: Final = Metric(
    "process_start_time_seconds",
    Kind.GAUGE,
    ("worker",),
    "When a process was started, in Unix seconds.",
    Origin.SYSTEM,
)
STORE_UP: Final = Metric(
    "cds_store_up",
    Kind.GAUGE,
    (),
    "1 if the store answered when these metrics were asked for, else 0 (and the metrics below are missing).",
    Origin.STORE,
)
MAILS_WAITING: Final = Metric(
    "cds_mails_waiting",
    Kind.GAUGE,
    (),
    "Mails in the outbox that are not handed over yet.",
    Origin.STORE,
)
MAILS_OLDEST: Final = Metric(
    "cds_mails_oldest_waiting_age_seconds",
    Kind.GAUGE,
    (),
    "Age of the oldest mail that waits; 0 when none does.",
    Origin.STORE,
)
MAILS_FAILED: Final = Metric(
    "cds_mails_failed",
    Kind.GAUGE,
    (),
    "Mails of the last days that were given up.",
    Origin.STORE,
)
WEBHOOKS_ACTIVE: Final = Metric("cds_webhooks_active", Kind.GAUGE, (), "Webhooks that are turned on.", Origin.STORE)
DELIVERIES_WAITING: Final = Metric(
    "cds_webhook_deliveries_waiting",
    Kind.GAUGE,
    (),
    "Deliveries that wait to be sent to webhooks that are turned on, or tried again.",
    Origin.STORE,
)
DELIVERIES_OLDEST: Final = Metric(
    "cds_webhook_deliveries_oldest_waiting_age_seconds",
    Kind.GAUGE,
    (),
    "Age of the oldest delivery that waits; 0 when none does.",
    Origin.STORE,
)
DELIVERIES_DEAD: Final = Metric(
    "cds_webhook_deliveries_dead",
    Kind.GAUGE,
    (),
    "Deliveries that were given up and that an operator can replay.",
    Origin.STORE,
)
FEED_BACKLOG: Final = Metric(
    "cds_feed_backlog_entries",
    Kind.GAUGE,
    (),
    "Changes that have not reached the feed, the audit log, webhooks and mails yet; of one shard at most 100 are seen.",
    Origin.STORE,
)
FEED_BACKLOG_OLDEST: Final = Metric(
    "cds_feed_backlog_oldest_age_seconds",
    Kind.GAUGE,
    (),
    "Age of the oldest of these changes; 0 when there is none. It grows when no worker is running.",
    Origin.STORE,
)
FEED_LAG: Final = Metric(
    "cds_feed_lag_events",
    Kind.GAUGE,
    ("follower",),
    "Events in the feed that mails or webhooks have not taken yet; missing until they took a first one.",
    Origin.STORE,
)
BROADCASTS_RUNNING: Final = Metric(
    "cds_broadcasts_running",
    Kind.GAUGE,
    (),
    "Broadcasts that have not reached everybody yet.",
    Origin.STORE,
)

TABLE: Final = (
    REQUESTS,
    REQUEST_DURATION,
    IN_FLIGHT,
    RATE_LIMITED,
    AUTH_FAILURES,
    TOKENS_ISSUED,
    REGISTRATIONS,
    EVENTS,
    STORE_ROUND_TRIPS,
    STORE_COMMANDS,
    STORE_ERRORS,
    MAILS,
    WEBHOOK_DELIVERIES,
    JOB_STEPS,
    BUILD_INFO,
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_FDS,
    PROCESS_MAX_FDS,
    PROCESS_START,
    STORE_UP,
    MAILS_WAITING,
    MAILS_OLDEST,
    MAILS_FAILED,
    WEBHOOKS_ACTIVE,
    DELIVERIES_WAITING,
    DELIVERIES_OLDEST,
    DELIVERIES_DEAD,
    FEED_BACKLOG,
    FEED_BACKLOG_OLDEST,
    FEED_LAG,
    BROADCASTS_RUNNING,
)
"""All of them, in the order in which they are told."""

BY_NAME: Final = {metric.name: metric for metric in TABLE}

UNMATCHED: Final = "unmatched"
"""The route of requests for which there is none."""

OTHER: Final = "other"
"""What stands for a value that is not among the known ones."""
