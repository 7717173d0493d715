"""What the caller of one turn chooses; LangGraph calls it the run's context."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """`model` and `intent_model` are specs such as `ollama:llama3.1:8b`; None leaves the choice to `Models`.

    `locale` (pt_BR or en) is the language of an answer when the message does not show one.
    `time_zone` is an IANA name.
    """

    model: str | None = None
    intent_model: str | None = None
    locale: str = "pt_BR"
    time_zone: str = "America/Sao_Paulo"
    user_id: str | None = None
    session_id: str | None = None
