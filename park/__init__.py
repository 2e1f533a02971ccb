"""The shared vocabulary of parkwatch: records, site, taxonomy, geodesy, errors and clock.

This package imports nothing else of the project; every other package may import it.
"""
