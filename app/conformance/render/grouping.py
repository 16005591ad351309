"""The results of a report by document and section."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import msgspec

from app.conformance.checks import Status
from app.conformance.clauses import Clause, read
from app.conformance.runner import ClauseResult, Report


@dataclass(frozen=True, slots=True)
class Section:
    """The results of one section."""

    key: str
    """Document and number, such as WG1-02-3.2."""
    document: str
    number: str
    title: str
    results: Sequence[ClauseResult]

    def count(self, status: Status) -> int:
        """How many of its clauses ended so."""
        return sum(result.status is status for result in self.results)


def sections_of(report: Report) -> list[Section]:
    """Every section that has results, in the order of the documents."""
    found: dict[str, list[ClauseResult]] = {}
    for result in report.results:
        found.setdefault(section_key(result.clause), []).append(result)
    return [
        Section(key, key.rpartition("-")[0], key.rpartition("-")[2], titles().get(key, ""), results)
        for key, results in found.items()
    ]


def by_document(sections: Sequence[Section]) -> list[tuple[str, list[Section]]]:
    """Sections under the number of their document."""
    return [(document, list(own)) for document, own in groupby(sections, lambda section: section.document)]


def section_key(clause: Clause) -> str:
    """Document and section of a clause."""
    return clause.id.rpartition("-")[0]


def document_title(document: str) -> str:
    """What a document is called."""
    return titles().get(document, document)


def level_words(clause: Clause) -> str:
    """The level as BCP 14 writes it."""
    return clause.level.replace("_", " ")


@cache
def titles() -> Mapping[str, str]:
    """Of documents and sections."""
    return msgspec.convert({str(key): value for key, value in read("sections.yaml").items()}, dict[str, str])
