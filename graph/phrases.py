"""What the offline agent says, in Portuguese and English. A table: one key, two sentences."""

from __future__ import annotations

from typing import Final

from .language import Language

_PHRASES: Final[dict[str, tuple[str, str]]] = {
    "greeting": (
        "Olá! Sou o agente offline do Calango: sigo regras fixas, não sou um modelo de linguagem. "
        "Faço contas, digo a data e a hora, mostro o seu uso e respondo sobre o Calango com base no manual. "
        "Experimente “quanto é 17*23?” ou “o que é um trace?”.",
        "Hello! I am Calango's offline agent: I follow fixed rules and am no language model. "
        "I calculate, tell the date and time, show your usage, and answer about Calango from its handbook. "
        "Try “what is 17*23?” or “what is a trace?”.",
    ),
    "identity": (
        "Sou o agente offline do Calango (calango-offline). Não sou um modelo de linguagem: escolho ferramentas por "
        "regras fixas e respondo com o resultado delas e com o manual. Para conversar com um modelo de verdade, "
        "escolha um, por exemplo com `CALANGO_MODEL=ollama:llama3.1:8b`.",
        "I am Calango's offline agent (calango-offline). I am no language model: I choose tools by fixed rules and "
        "answer from their results and from the handbook. To talk to a real model, choose one, for instance with "
        "`CALANGO_MODEL=ollama:llama3.1:8b`.",
    ),
    "unknown": (
        "Isso eu não sei responder. Sou o agente offline do Calango, não um modelo de linguagem: só faço contas, digo "
        "a data e a hora, mostro o seu uso e pesquiso o manual. Para perguntas como essa, escolha um modelo de "
        "linguagem, por exemplo com o Ollama.",
        "I cannot answer that. I am Calango's offline agent, no language model: I only calculate, tell the date and "
        "time, show your usage and search the handbook. For such a question choose a language model, for instance "
        "through Ollama.",
    ),
    "thanks": ("De nada! Se precisar, é só chamar.", "You are welcome! I am here if you need me."),
    "goodbye": (
        "Até logo! A conversa fica guardada nesta sessão.",
        "Goodbye! The conversation is kept in this session.",
    ),
    "fine": (
        "Tudo certo por aqui. Em que posso ajudar?",
        "All is well here. What can I do for you?",
    ),
    "name_noted": ("Prazer, {}! Vou lembrar do seu nome nesta conversa.", "Nice to meet you, {}! I will remember."),
    "name_known": ("Seu nome é {}, como você me disse.", "Your name is {}, as you told me."),
    "name_unknown": ("Você ainda não me disse o seu nome.", "You have not told me your name yet."),
    "asked": ("Você perguntou: “{}”", "You asked: “{}”"),
    "asked_nothing": ("Você ainda não perguntou nada antes disso.", "You have not asked anything before this."),
    "result": ("O último resultado foi {}.", "The last result was {}."),
    "no_result": (
        "Ainda não há um resultado anterior nesta conversa.",
        "There is no earlier result in this conversation.",
    ),
    "calculated": ("{} = {}", "{} = {}"),
    "time": ("Agora são {time} de {weekday}, {date} ({zone}).", "It is {time} on {weekday}, {date} ({zone})."),
    "failed": ("Não consegui: {}.", "That did not work: {}."),
}

_WEEKDAYS: Final[dict[Language, tuple[str, ...]]] = {
    "pt": ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS: Final[dict[Language, str]] = {
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "en": "January February March April May June July August September October November December",
}


def say(key: str, language: Language, *values: object, **named: object) -> str:
    return _PHRASES[key][language == "en"].format(*values, **named)


def weekday(number: int, language: Language) -> str:
    return _WEEKDAYS[language][number]


def date(year: int, month: int, day: int, language: Language) -> str:
    name = _MONTHS[language].split()[month - 1]
    return f"{day} de {name} de {year}" if language == "pt" else f"{name} {day}, {year}"
