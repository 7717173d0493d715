"""Columns of `observations` that follow from others. They are reckoned when a row comes in, by whatever way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Computed:
    """`sql` over the columns that it `needs`."""

    sql: str
    needs: frozenset[str]


def _cached(column: str, type_: str) -> Computed:
    """The sum of what has to do with a cache in a JSON object of numbers, such as `input_cache_read`; else NULL."""
    summed = f"""list_sum(list_transform(
        list_filter(json_keys({column}), lambda k: contains(k, 'cach')),
        lambda k: CAST(json_extract_string({column}, '/' || k) AS {type_})
    ))"""
    return Computed(f"CASE WHEN contains({column}, 'cach') THEN {summed} END", frozenset({column}))


OF_OBSERVATIONS: Mapping[str, Computed] = {
    "key": Computed("md5_number_lower(trace_id || '/' || id)", frozenset({"trace_id", "id"})),
    "cache_cost": _cached("cost_json", "DECIMAL(24, 12)"),
    "cache_tokens": _cached("usage_json", "BIGINT"),
}
CACHE_SCHEMA = f"""
    ALTER TABLE observations ADD COLUMN cache_cost DECIMAL(24, 12);
    ALTER TABLE observations ADD COLUMN cache_tokens BIGINT;
    UPDATE observations SET cache_cost = {OF_OBSERVATIONS["cache_cost"].sql} WHERE contains(cost_json, 'cach');
    UPDATE observations SET cache_tokens = {OF_OBSERVATIONS["cache_tokens"].sql} WHERE contains(usage_json, 'cach');
"""  # noqa: S608 - made of this file's own text


def of(table: str, columns: Collection[str]) -> dict[str, str]:
    """Column -> SQL, for a source that has these columns; what needs others is NULL."""
    if table != "observations":
        return {}
    return {name: one.sql for name, one in OF_OBSERVATIONS.items() if one.needs <= set(columns)}
