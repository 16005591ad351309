"""All of Redis: keys, scripts, and the records that they keep."""

from app.imports import without

# It would import OpenTelemetry for figures of its own, which we do not ask for: two megabytes in every process.
with without("opentelemetry"):
    import redis.asyncio  # noqa: F401 -- before any module of this room does
