"""Whether the offline model answers, why, and how to get a real one."""

from __future__ import annotations

from calango.models import OFFLINE

from .place import Place
from .render import plain, safe
from .service import MODELS


def is_offline(place: Place, model: str | None) -> bool:
    """`model` None is the one that is set. A graph that chooses its own model is taken to have a real one."""
    chat = place.chat
    return chat.graph.has_context("model") and (model or chat.model.spec).partition(":")[0] == OFFLINE


def why(place: Place) -> str:
    """Markdown; empty when the offline model was chosen on purpose. The note itself is English."""
    note, texts, settings = place.chat.model.note, place.texts, place.chat.settings
    if not note or texts.locale == "en":
        return safe(note)
    if any(spec.startswith("ollama:") for spec in place.lookups.peek(MODELS) or ()):
        return texts(
            "Ollama does not have {model}. For a language model, run `ollama pull {name}` or choose one of the list.",
            model=plain(settings.ollama_model),
            name=settings.ollama_model,
        )
    return texts(
        "Ollama does not answer at {url}. For a language model, install it (ollama.com) and run `ollama pull {name}`.",
        url=plain(settings.ollama_base_url),
        name=settings.ollama_model,
    )
