"""Portuguese or English? Decided from the words of the conversation, no model needed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from langchain_core.messages import BaseMessage, HumanMessage

Language = Literal["pt", "en"]

_PORTUGUESE_WORDS = """
a ao as ate bom boa com como custo custou da das de dela dele disso do dobro dois dos e ela ele em entao essa esse
esta eu foi gastei hoje hora horas isso isto ja la mais me menos metade meu meus minha nao na nas no nos o obrigada
obrigado oi ola onde os ou para pela pelo por pra quais qual quando quanto quantos que quem raiz se ser seu sim sou
sua tambem tchau tem tudo um uma vezes voce dia tarde noite dividido calcule nome conta ajuda
"""
_ENGLISH_WORDS = """
about an and are at by bye can cost could date day did divided do does double for from good half have hello help hey
hi how i in is it many minus morning much my name not now of on plus please root run spend spent square tell than
thank thanks that the then there this time times to today twice usage was we what when where which who why with
would yes you your
"""
_PORTUGUESE = frozenset(_PORTUGUESE_WORDS.split())
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_ACCENTS = frozenset("ãõçáéíóúâêôà")


def language_of(locale: str) -> Language:
    return "en" if locale.lower().startswith("en") else "pt"


def plain(text: str) -> str:
    """Lower case without accents: how words are compared."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def detect(text: str) -> Language | None:
    """The language that more of the words belong to; None when that does not decide."""
    words = re.findall(r"[a-z]+", plain(text))
    portuguese = sum(word in _PORTUGUESE for word in words) + 2 * bool(_ACCENTS & set(text.casefold()))
    english = sum(word in _ENGLISH for word in words)
    if portuguese == english:
        return None
    return "pt" if portuguese > english else "en"


def spoken(messages: Sequence[BaseMessage], locale: str) -> Language:
    """The language of the latest message that tells one, else that of `locale`."""
    for message in reversed(messages):
        if isinstance(message, HumanMessage) and (language := detect(message.text)):
            return language
    return language_of(locale)
