"""The API described for machines: `/openapi.json`, made of the types and routes that serve; and `/docs/api`."""
