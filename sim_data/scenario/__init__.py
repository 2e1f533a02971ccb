"""Staged incidents in the simulated park: scenario files, and the truth about them."""
