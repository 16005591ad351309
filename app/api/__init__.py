"""The CDS APIs: server metadata, coverage, clients, messages, credentials, grants, files."""
