"""From a YAML file to a Catalog, or to the list of everything that is wrong with it."""

from pathlib import Path

from app.catalog import coverage, policies, registration_fields, scopes, server
from app.catalog.model import Catalog
from app.catalog.problems import Problems
from app.catalog.reader import Section
from app.catalog.requirements import refuse_contradictory_fields
from app.catalog.source import read_yaml

DEMO = Path(__file__).parent / "demo" / "catalog.yaml"
"""The bundled demo utility."""

KEYS = (
    "server",
    "coverage",
    "registration_fields",
    "scopes",
    "registration",
    "test_accounts",
    "policies",
    "extensions",
)


def load_catalog(path: Path | None) -> Catalog:
    """The catalog in the file at `path`, complete and consistent; None is the bundled demo utility.

    Raises:
        ConfigurationError: With one sentence per problem, all of them at once. Text that is not YAML ends the reading.
    """
    file = DEMO if path is None else path
    problems = Problems(file)
    catalog = read_catalog(Section(read_yaml(file), "", problems, KEYS), file.parent)
    problems.refuse()
    return catalog


def read_catalog(top: Section, directory: Path) -> Catalog:
    """Every part in turn, and then what they say about each other. Problems are left in `top.problems`."""
    for key in ("server", "scopes"):
        if not top.has(key):
            top.problem(key, "this part is missing", "write it; the bundled app/catalog/demo/catalog.yaml shows how")
    field_sections = top.named("registration_fields", registration_fields.KEYS, extensible=True)
    fields = registration_fields.read_registration_fields(field_sections, directory)
    scope_sections = top.named("scopes", scopes.KEYS, extensible=True)
    offered = scopes.read_scopes(scope_sections)
    covered = frozenset(coverage_id for scope in offered.values() for coverage_id in scope.coverages_supported)
    entries = coverage.read_coverage(top.sections("coverage", coverage.KEYS, extensible=True), directory, covered)
    scopes.refuse_unknown_references(offered, scope_sections, [entry.id for entry in entries])
    scopes.refuse_unequal_groups(offered, scope_sections)
    refuse_contradictory_fields(offered, fields, scope_sections)
    return Catalog(
        server=server.read_server(top.section("server", server.KEYS)),
        coverage=entries,
        registration_fields=fields,
        scopes=offered,
        registration=policies.read_registration(top.section("registration", policies.REGISTRATION_KEYS)),
        test_accounts=policies.read_test_accounts(
            top.sections("test_accounts", policies.ACCOUNT_KEYS, extensible=True)
        ),
        policies=policies.read_policies(top.section("policies", policies.POLICIES_KEYS), fields),
        extensions=policies.read_extensions(top.section("extensions", policies.EXTENSION_KEYS)),
        directory=directory,
    )
