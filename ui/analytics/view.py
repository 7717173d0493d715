"""What every page of the analytics gets: where it is, in whose language, and the ways to the other pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from calango.currency import ESTIMATE, convert, second, told

from ..i18n import Texts
from ..place import Place
from ..render import plain
from .address import Address
from .tables import Column


@dataclass(frozen=True, slots=True)
class View:
    """`pages` by their path in the address."""

    place: Place
    pages: Mapping[str, StreamlitPage]
    address: Address

    @property
    def texts(self) -> Texts:
        return self.place.texts

    def link(self, label: str, page: str, *, icon: str | None = None, **query: str | None) -> None:
        """A link to another page about the same period and filters, changed by `query`."""
        st.page_link(self.pages[page], label=label, icon=icon, query_params=self.address.query(**query))

    def go(self, page: str, **query: str | None) -> None:
        st.switch_page(self.pages[page], query_params=self.address.query(**query))

    def cost(self, usd: float | Decimal | None, *, both: bool = True, estimated: bool = False) -> str:
        """USD and the second currency; a dash where nothing has a price, which is not zero."""
        if usd is None:
            return "–"
        beside = second(self.place.chat.settings) if both else None
        return told(Decimal(str(usd)), beside, estimated=estimated, write=self.texts.sum)

    def cost_column(self, *, both: bool = True, about: str | None = None) -> Column:
        """Of rows with "cost" and "estimated"."""
        return Column(
            "cost", self.texts("Cost"), partial(self.cost, both=both), help=about,
            show_marked=partial(self.cost, both=both, estimated=True), marked_by="estimated",
        )  # fmt: skip

    def cost_label(self, usd: float | Decimal | None, *, estimated: bool = False) -> str:
        """The name of a figure in USD, with the amount in the second currency."""
        beside = self.cost_beside(usd, estimated=estimated)
        return self.texts("Cost") if beside is None else f"{self.texts('Cost')} ({plain(beside)})"

    def cost_beside(self, usd: float | Decimal | None, *, estimated: bool = False) -> str | None:
        """The amount in the second currency alone, when one is set."""
        currency = second(self.place.chat.settings)
        if currency is None or usd is None:
            return None
        text = self.texts.sum(convert(Decimal(str(usd)), currency))
        return f"{ESTIMATE} {text}" if estimated else text

    def when(self, iso: str | None) -> str:
        return self.texts.moment(iso) if iso else "–"


def set_address(**changes: str | None) -> None:
    """Change the page's address in a callback of a widget; None takes a parameter away. Lists begin anew."""
    for name, value in ({"page": None} | changes).items():
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)
