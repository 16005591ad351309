"""Chaos: what becomes of a loaded installation when parts of it die, hang, fill up or are cut off."""
