"""Back and next below a list that is longer than a page."""

from __future__ import annotations

import streamlit as st

from ..state import turn_page_key
from .view import View, set_address

PER_PAGE = 25
_ROW_PX = 35


def offset(view: View) -> int:
    return (view.address.number("page") - 1) * PER_PAGE


def height(rows: int) -> int:
    """Of a table that shows all its rows, in pixels."""
    return _ROW_PX * (rows + 1) + 3


def show(view: View, shown: int, total: int) -> None:
    texts, page, first = view.texts, view.address.number("page"), offset(view)
    if total <= PER_PAGE and page == 1:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            texts("Back"),
            key=turn_page_key(-1),
            icon=":material/chevron_left:",
            disabled=page == 1,
            on_click=set_address,
            kwargs={"page": str(page - 1) if page > 2 else None},
        )
        numbers = {"first": first + 1, "last": first + shown, "total": total}
        text = texts("{first} to {last} of {total}", **{name: texts.number(value) for name, value in numbers.items()})
        st.markdown(text, width="content")
        st.button(
            texts("Next"),
            key=turn_page_key(1),
            icon=":material/chevron_right:",
            disabled=first + shown >= total,
            on_click=set_address,
            kwargs={"page": str(page + 1)},
        )


def nothing_here(view: View) -> None:
    """A page beyond the last one."""
    st.info(view.texts("There is no such page."), icon=":material/search_off:")
    st.button(view.texts("To the first page"), key=turn_page_key(0), on_click=set_address)
