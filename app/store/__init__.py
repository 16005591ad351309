"""All of Redis: keys, scripts, and the records that they keep."""
