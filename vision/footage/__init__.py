"""Readers for every kind of footage, each found by looking at the content of the files."""
