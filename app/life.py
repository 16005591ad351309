"""The life of one server process, as its readiness shows it."""

from dataclasses import dataclass


@dataclass(slots=True)
class Life:
    """Shared by whoever runs the application and the application itself.

    `started` is set by the application when its first request may come, `draining` from outside when new ones should go
    elsewhere: `/readyz` then answers 503, and answers close their connections.
    """

    started: bool = False
    draining: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.started and not self.draining
