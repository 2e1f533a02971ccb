"""Writes a patrol as recorded footage while it is flown, so that a crash loses seconds."""
