# ruff: noqa: S608 - names of tables and columns come from this package
"""What rows from elsewhere must be like, beyond their types: other rows are read on the trust that these hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import duckdb

from calango.store.writable import DEPTH, is_json

if TYPE_CHECKING:
    from calango.store.archive import Column

_TEXT = r'"(?:[^"\\]|\\.)*"'


def _numbers(number: str) -> str:
    """RE2 for a JSON object of numbers."""
    pair = rf"\s*{_TEXT}\s*:\s*{number}\s*"
    return rf"\s*\{{(?:\s*|{pair}(?:,{pair})*)\}}\s*"


_PRICES = _numbers(r"[0-9]{1,20}(?:\.[0-9]{1,40})?(?:[eE]-?[0-9]{1,2})?")
_COUNTS = _numbers(r"[0-9]{1,18}")
# table -> column -> what holds of it when it is given
_CONDITIONS: Mapping[str, Mapping[str, str]] = {
    "observations": {"usage_json": f"regexp_full_match(usage_json, '{_COUNTS}')"},
    "scores": {
        "data_type": "data_type IN ('NUMERIC', 'BOOLEAN', 'CATEGORICAL', 'TEXT', 'CORRECTION') AND"
        " CASE WHEN data_type IN ('NUMERIC', 'BOOLEAN') THEN value IS NOT NULL ELSE string_value IS NOT NULL END",
        "writes": "writes BETWEEN 1 AND 2147483647",
    },
    "prompts": {
        "prompt_json": "json_type(prompt_json) = CASE type WHEN 'text' THEN 'VARCHAR' WHEN 'chat' THEN 'ARRAY' END",
        "version": "version BETWEEN 1 AND 2147483646",
    },
    "models": {"prices_json": f"regexp_full_match(prices_json, '{_PRICES}')"},
    "media": {"content_type": "regexp_full_match(content_type, '[a-z]+/[a-z0-9.+-]{1,80}')"},
}


def wrong_column(db: duckdb.DuckDBPyConnection, table: str, columns: Sequence[Column], source: str) -> str | None:
    """The first column of the table `source` that holds what `table` can't; None when there is none."""
    special = _CONDITIONS.get(table, {})
    for column in columns:
        name = column.name
        conditions = [special[name]] if name in special else []
        if name.endswith("_json"):
            conditions.insert(0, f"json_valid({name})")
        elif column.type == "DOUBLE":
            conditions.append(f"isfinite({name})")
        elif column.type == "VARCHAR[]":
            conditions.append(f"len({name}) = list_count({name})")
        elif column.type == "BIGINT":
            conditions.append(f"{name} > {-(2**63)}")
        for condition in conditions:
            sql = f"SELECT 1 FROM {source} WHERE {name} IS NOT NULL AND ({condition}) IS NOT TRUE LIMIT 1"
            if db.execute(sql).fetchone():
                return name
        if name.endswith("_json") and not all(is_json(text) for text in _deep(db, name, source)):
            return name
    return None


def _deep(db: duckdb.DuckDBPyConnection, name: str, source: str) -> list[str]:
    """Those texts that may be nested too deep."""
    brackets = f"len({name}) - len(replace(replace({name}, '[', ''), '{{', ''))"
    return [text for (text,) in db.execute(f"SELECT {name} FROM {source} WHERE {brackets} > {DEPTH}").fetchall()]
