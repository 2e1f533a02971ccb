"""Detectors without a learned model: smoke, water, soil, change, hot spots."""
