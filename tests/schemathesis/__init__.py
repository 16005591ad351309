"""How schemathesis is run."""
