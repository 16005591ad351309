"""Which e-mail addresses we accept.

One address as people write it: a dot-atom of ASCII characters (RFC 5322 3.2.3) of at most 64, an `@`, and a host name
of at least two labels (internationalized ones in their `xn--` form); 254 characters together (RFC 5321 4.5.3). No
display name, quoted local part, comment or address literal: the RFCs permit them, and in practice they are always a
mistake or an attack.
"""

import re

MAX_LENGTH = 254

_ADDRESS = re.compile(
    r"(?=.{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


def is_email(value: str) -> bool:
    """Whether `value` is one e-mail address by the rule above."""
    return len(value) <= MAX_LENGTH and _ADDRESS.fullmatch(value) is not None
