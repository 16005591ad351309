"""The API described for machines: `/openapi.json`, made of the types and routes that serve requests; and `/docs/api`."""
