"""The OAuth endpoints: metadata, registration, token, introspection, revocation."""
