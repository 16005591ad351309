"""Random ids, token digests, sealing of secrets."""
