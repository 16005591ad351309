"""`make bench`: how fast the hot paths are beside a bare Starlette route, measured in the same run. Not a test."""
