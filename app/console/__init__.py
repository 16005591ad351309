"""The console: pages on which operators work."""
