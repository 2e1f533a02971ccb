"""The commands of the command line, one module for each family of them.

They import what they need when they run, so that `parkwatch --help` answers at once.
"""
