"""The identity provider of the utility, over HTTP."""
