"""The version of parkwatch; part of every run id."""

VERSION = "0.1.0"
