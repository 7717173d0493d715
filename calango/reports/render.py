"""Reports as Markdown, CSV, JSON and Parquet. Pure, but for the Parquet file that DuckDB writes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from calango.currency import Currency
from calango.reports.table import NUMBERS, Report, Table, shown

_FORMULA = re.compile(r"^[=+\-@\t\r]")
_CUT = 80


def markdown(report: Report, beside: Currency | None) -> str:
    """Tables as GitHub reads them."""
    parts = [f"# {report.title}", report.about] + ([] if report.said else [report.nothing])
    for table in report.said:
        parts += [f"## {table.title}"] + ([table.note] if table.note else [])
        head = [column.title for column in table.columns]
        marks = ["---:" if column.kind in NUMBERS else "---" for column in table.columns]
        body = [
            [_cell(shown(value, column.kind, beside)) for value, column in zip(row, table.columns, strict=True)]
            for row in table.rows
        ]
        parts.append("\n".join("| " + " | ".join(row) + " |" for row in (head, marks, *body)))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def comma_separated(table: Table) -> str:
    """Plain values under stable names. Text that a spreadsheet would run as a formula gets a quote in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    for row in table.rows:
        writer.writerow([safe(value) for value in row])
    return out.getvalue()


def safe(value: Any) -> Any:
    """A cell that no spreadsheet runs."""
    return "'" + value if isinstance(value, str) and _FORMULA.match(value) else value


def as_json(report: Report) -> str:
    tables = {
        table.title: [dict(zip((column.name for column in table.columns), row, strict=True)) for row in table.rows]
        for table in report.tables
    }
    whole = {"title": report.title, "about": report.about, "tables": tables}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def write_parquet(table: Table, path: Path) -> None:
    """One table, typed, under stable names."""
    import duckdb  # noqa: PLC0415 - only this format needs it

    types = {
        "count": "DOUBLE",
        "usd": "DOUBLE",
        "ms": "DOUBLE",
        "seconds": "DOUBLE",
        "share": "DOUBLE",
        "rate": "DOUBLE",
    }
    columns = ", ".join(f'"{column.name}" {types.get(column.kind, "VARCHAR")}' for column in table.columns)
    with duckdb.connect(config={"autoload_known_extensions": False}) as db:
        db.execute(f"CREATE TABLE report ({columns})")
        if table.rows:
            marks = ", ".join("?" * len(table.columns))
            db.executemany(f"INSERT INTO report VALUES ({marks})", [list(row) for row in table.rows])  # noqa: S608
        target = str(path).replace("'", "''")
        db.execute(f"COPY report TO '{target}' (FORMAT parquet)")


def cut(text: str, width: int = _CUT) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
