"""Shared HTTP tools: routes, bodies, answers, access, errors, limits."""
