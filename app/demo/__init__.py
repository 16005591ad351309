"""`cds-server demo`: a Client's whole life against a running server, every request and answer shown.

It knows nothing but the metadata URL and follows what it finds there, as any Client would. It registers a throw-away
Client and leaves it behind.
"""

from app.demo.narrator import Unexpected
from app.demo.story import play

__all__ = ["Unexpected", "play"]
