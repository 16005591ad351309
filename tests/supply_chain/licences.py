"""Under which licence a distribution is, as an SPDX expression, and which licences may be shipped."""

from importlib.metadata import Distribution
from typing import Final

ALLOWED: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",  # certifi, whose file of certificates we do not change
        "PSF-2.0",
        "Unicode-3.0",
        "Unlicense",
        "Zlib",
    }
)
"""What may be linked with, changed and sold by a utility without publishing anything of its own."""

_FREE_TEXTS: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache-2.0": "Apache-2.0",
    "BSD-3-Clause": "BSD-3-Clause",
    "MIT": "MIT",
    "MPL-2.0": "MPL-2.0",
    "OSI Approved :: MIT License": "MIT",
}
"""What distributions without a License-Expression (PEP 639) write into their older fields."""

_READ_BY_US: Final = {
    "jinja2": "BSD-3-Clause",  # only the classifier "BSD License", which says not which; LICENSE.txt does
    "uvloop": "Apache-2.0 OR MIT",  # "MIT License", with classifiers and files of both
}
"""Where the older fields are not enough, as their licence files say."""

BUNDLED: Final = {
    "openssl": "Apache-2.0",
    "valkey": "BSD-3-Clause",
}
"""Of what is inside of a distribution and does not say so itself."""


class UnknownLicenceError(Exception):
    """A distribution does not say its licence in a way that we know."""


def licence(distribution: Distribution) -> str:
    """The licence of a distribution. Raises UnknownLicenceError."""
    said = distribution.metadata.json
    name = str(said["name"]).lower()
    expression = said.get("license_expression") or _READ_BY_US.get(name)
    if expression:
        return str(expression)
    classifiers = [one.removeprefix("License :: ") for one in said.get("classifier", ())]
    for text in (str(said.get("license", "")), *classifiers):
        if text in _FREE_TEXTS:
            return _FREE_TEXTS[text]
    raise UnknownLicenceError(f"{name}: find out its licence and write it into tests/supply_chain/licences.py")
