"""Background jobs: what has to happen when nobody is asking."""
