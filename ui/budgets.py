"""Budgets in a person's words: what is near its limit, and why a message was not sent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import streamlit as st

from calango.currency import Money, second, told
from calango.records import BudgetShare

from .exchanges import Exchange
from .i18n import Texts
from .place import Place
from .render import plain


def show(place: Place, item: Exchange) -> None:
    """What the turn of this exchange had to tell; once, where it was told."""
    known = place.finished(item.key)
    for share in known.result.budgets if known is not None else ():
        st.warning(warning(place, share), icon=":material/account_balance_wallet:")


def warning(place: Place, share: BudgetShare) -> str:
    texts = place.texts
    parts = [f"**{title(texts, share)}:** {_spent(place, share)} ({plain(texts.percent(share.share))})."]
    if share.unpriced_turns:
        parts.append(texts("Not counting {count} turns without a price.", count=texts.number(share.unpriced_turns)))
    if share.missing:
        parts.append(texts("Only the turns of this process are counted."))
    return " ".join(parts)


def refused(place: Place, share: BudgetShare) -> str:
    """Why a message was not sent, and what to do."""
    texts = place.texts
    parts = [texts("The budget is used up."), f"{title(texts, share)}: {_spent(place, share)}."]
    if share.running_usd:
        parts.append(texts("Turns that are running may take the rest."))
    if share.resets_at is not None:
        when = plain(texts.when(int(datetime.fromisoformat(share.resets_at).timestamp() * 1e9)))
        parts.append(texts("It starts anew at {when}.", when=when))
    parts.append(texts("Your message is still in the input: send it later, or have the limit raised."))
    return " ".join(parts)


def title(texts: Texts, share: BudgetShare) -> str:
    """Name and, where each user has a part, whose part: "team · ana"."""
    name = texts("Budget {name}", name=plain(share.budget))
    return name if share.key is None else f"{name} · {plain(share.key)}"


def limit(texts: Texts, share: BudgetShare, amount: str) -> str:
    per = {"day": texts("{amount} a day", amount=amount), "month": texts("{amount} a month", amount=amount)}
    return per.get(share.per, texts("{amount} in all", amount=amount))


def _spent(place: Place, share: BudgetShare) -> str:
    most = limit(place.texts, share, _money(place, share.limit_usd))
    return place.texts("{spent} of {limit}", spent=_money(place, share.spent_usd), limit=most)


def _money(place: Place, usd: Decimal) -> str:
    def write(money: Money) -> str:
        return plain(place.texts.sum(money))

    return told(usd, second(place.chat.settings), write=write)
