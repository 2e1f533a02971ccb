"""How the rows of an answer can be written."""

from __future__ import annotations

from enum import StrEnum


class ResultFormat(StrEnum):
    """How the rows of an answer are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
