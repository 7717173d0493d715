"""The handbook that the agent answers from: Markdown sections, searched with BM25."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from .language import Language, plain

_FOLDER = Path(__file__).parent / "handbook"
# Words that say nothing about the subject here, beyond each language's usual stop words.
_EMPTY: dict[Language, str] = {
    "pt": """
sabe saber como funciona funcionam faco fazer posso pode ter uso usar usa quero sobre explique explica fale diga mostre
ha existe serve onde quando qual quais quem porque tudo algo muito bem ser sao meu minha me por favor voce
ola oi bom dia tarde noite
""",
    "en": """
know how work works do does can could use using want about explain tell show have has get there what where when which
who why would please me my you your something everything hello hi hey
""",
}


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    text: str


class _Index(Protocol):
    def retrieve(self, query_tokens: list[list[str]], *, k: int, show_progress: bool) -> tuple[Any, Any]: ...


@cache
def sections(language: Language) -> tuple[Section, ...]:
    pages = (_FOLDER / f"{language}.md").read_text(encoding="utf-8").split("\n## ")[1:]
    return tuple(Section(title.strip(), text.strip()) for title, _, text in (page.partition("\n") for page in pages))


def search(query: str, language: Language, limit: int = 2) -> list[Section]:
    """The sections that share a telling word with `query`, best first; empty when none does."""
    words = _words(query, language)
    # Every section names Calango: the word only tells something when it is all there is.
    words = [word for word in words if word != "calango"] or words
    if not words:
        return []
    found = sections(language)
    places, scores = _index(language).retrieve([words], k=limit, show_progress=False)
    ranked = zip(places[0].tolist(), scores[0].tolist(), strict=True)
    return [found[place] for place, score in ranked if score > 0]


@cache
def _index(language: Language) -> _Index:
    index = import_module("bm25s").BM25()  # brings numpy; only a search needs it
    # A title says what a section is about: its words count three times.
    corpus = [_words(f"{(page.title + ' ') * 3}{page.text}", language) for page in sections(language)]
    index.index(corpus, show_progress=False)
    return cast("_Index", index)


@cache
def _stop_words(language: Language) -> frozenset[str]:
    lists = import_module("bm25s.stopwords")
    usual: Sequence[str] = lists.STOPWORDS_EN_PLUS if language == "en" else lists.STOPWORDS_PORTUGUESE
    return frozenset(plain(word) for word in (*usual, *_EMPTY[language].split()))


def _words(text: str, language: Language) -> list[str]:
    """Words without accents, plural endings and stop words."""
    kept = (word for word in re.findall(r"\w{2,}", plain(text)) if word not in _stop_words(language))
    singular: Callable[[str], str] = _singular_en if language == "en" else _singular_pt
    return [singular(word) for word in kept]


def _singular_pt(word: str) -> str:
    for plural, single in (("oes", "ao"), ("ais", "al"), ("ens", "em"), ("res", "r"), ("zes", "z")):
        if len(word) > len(plural) + 2 and word.endswith(plural):
            return word.removesuffix(plural) + single
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _singular_en(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
