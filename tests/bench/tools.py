"""Programs of others that the benchmark runs: where they are, which version, and what to do when they are missing."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tool:
    """A program that is looked for in PATH, and then beside the Python that runs."""

    name: str
    source: str
    """Where people get it, as the end of a sentence."""
    version_command: tuple[str, ...]

    def find(self) -> str | None:
        """Where it is."""
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
        return shutil.which(self.name, path=path)

    def require(self) -> str:
        """Where it is.

        Raises:
            SystemExit: It is nowhere, with a sentence that says how to get it.
        """
        found = self.find()
        if found is None:
            raise SystemExit(f"{self.name} is needed for this: {self.source}.")
        return found

    def version(self) -> str | None:
        """The first line of what it says about itself; None where it is missing."""
        found = self.find()
        return self.version_at(found) if found else None

    def version_at(self, path: str | Path) -> str:
        """The same of the program at that path."""
        command = [str(path), *self.version_command[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        lines = (done.stdout or done.stderr).splitlines()
        return lines[0].strip() if lines else ""
