"""Tables whose numbers follow the page's language and still sort as numbers; a click on a row leads on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import pandas as pd
import streamlit as st

from ..state import table_key


@dataclass(frozen=True, slots=True)
class Column:
    """`show` writes a value; without it the value is text. `width` as `st.column_config` takes it.

    `show_marked` writes it in rows where `marked_by`, which need be no column, is true.
    """

    name: str
    label: str
    show: Callable[[Any], str] | None = None
    help: str | None = None
    width: str | int | None = None
    show_marked: Callable[[Any], str] | None = None
    marked_by: str = ""


def show(
    name: str,
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    on_row: Callable[[int], None] | None = None,
    *,
    alt: str | None = None,
    height: int | str = "auto",
) -> None:
    """`on_row` is called with the number of the row that was clicked."""
    frame = pd.DataFrame(
        [{one.name: row[one.name] for one in columns} for row in rows], columns=[c.name for c in columns]
    )
    styled = frame.style.format({one.name: one.show for one in columns if one.show is not None}, na_rep="")
    for one in columns:
        marked = [number for number, row in enumerate(rows) if one.show_marked is not None and row.get(one.marked_by)]
        if marked:
            styled = styled.format(one.show_marked, na_rep="", subset=(marked, [one.name]))
    config = {one.name: st.column_config.Column(one.label, help=one.help, width=one.width) for one in columns}
    options: dict[str, Any] = {
        "hide_index": True,
        "column_config": config,
        "alt": alt,
        "height": height,
        "placeholder": "–",
    }
    if on_row is None:
        st.dataframe(styled, **options)
        return
    # A key of its own for other rows: a grid whose rows were replaced would not hear the first click.
    key = table_key(name, crc32(repr(rows).encode()))
    chosen = st.dataframe(styled, key=key, on_select="rerun", selection_mode="single-cell", **options)
    if cells := chosen["selection"]["cells"]:
        on_row(cells[0][0])


def thumbs(up: int, votes: int) -> str:
    """Votes in a cell, where icons can't be: "+2 −1"."""
    down = votes - up
    return " ".join(part for part in (f"+{up}" if up else "", f"−{down}" if down else "") if part)
