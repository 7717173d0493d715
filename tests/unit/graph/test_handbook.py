from __future__ import annotations

import pytest

from graph.handbook import search, sections


@pytest.mark.parametrize(
    ("question", "language", "title"),
    [
        ("O que é um trace?", "pt", "O que é um trace (rastro)?"),
        ("como funciona o feedback?", "pt", "Como funciona o feedback (avaliação, voto)?"),
        ("quanto custa?", "pt", "Como os custos são calculados?"),
        ("o que é o Calango?", "pt", "O que é o Calango?"),
        ("me fale sobre sessões", "pt", "O que são sessões?"),
        ("privacidade", "pt", "E a privacidade e os meus dados?"),
        ("what is a trace?", "en", "What is a trace?"),
        ("how do I open the studio", "en", "How do I open LangGraph Studio?"),
        ("which models can I use?", "en", "Which models can I use?"),
        ("what is Calango?", "en", "What is Calango?"),
        ("is my data private?", "en", "What about privacy and my data?"),
    ],
)
def test_a_question_finds_its_section(question: str, language: str, title: str) -> None:
    assert search(question, language)[0].title == title


@pytest.mark.parametrize(
    ("question", "language"),
    [("qual a capital da França?", "pt"), ("quem ganhou a copa?", "pt"), ("tell me a joke", "en"), ("?!", "en")],
)
def test_a_question_about_something_else_finds_nothing(question: str, language: str) -> None:
    assert search(question, language) == []


def test_both_languages_have_the_same_sections_and_none_is_empty() -> None:
    assert len(sections("pt")) == len(sections("en")) >= 12
    assert all(page.title and len(page.text) > 100 for page in (*sections("pt"), *sections("en")))
