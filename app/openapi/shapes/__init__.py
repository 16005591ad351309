"""The types of what is not a Struct where it is served: documents that are put together member by member, and bodies.

`tests/spec/test_openapi_walk.py` holds every answer against them.
"""
