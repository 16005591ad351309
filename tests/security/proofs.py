"""The tests that the page about security names, for pytest to run: all of them, or those of some threats.

.venv/bin/pytest $(.venv/bin/python -m tests.security.proofs isolation smuggling)
"""

import sys

from app.docs.security import read_model


def node_ids(threats: list[str]) -> list[str]:
    """The tests of these threats, each once; of all when none is named. Raises SystemExit for what is no threat."""
    known = {threat.id: threat for threat in read_model().threats}
    if unknown := [one for one in threats if one not in known]:
        sys.exit(f"no such threat: {', '.join(unknown)}; there are {', '.join(known)}")
    return list(dict.fromkeys(test for one in threats or known for test in known[one].node_ids))


if __name__ == "__main__":
    sys.stdout.write("\n".join(node_ids(sys.argv[1:])) + "\n")
