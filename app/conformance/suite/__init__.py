"""The checks, one module for each part of the specifications. Every module of this package is loaded by itself."""
