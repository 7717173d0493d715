"""Which model answers: the one that is set, else Ollama's if it is there, else the offline model."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from calango.settings import Settings

OFFLINE = "offline"
_ASK_OLLAMA_S = 1.0


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """`spec` as provider:name. `note` says why it is not what one might expect; empty when there is nothing to say."""

    spec: str
    note: str = ""

    @property
    def is_offline(self) -> bool:
        return self.spec.partition(":")[0] == OFFLINE


def choose(settings: Settings) -> ModelChoice:
    """Asks Ollama for its models when CALANGO_MODEL is not set; takes at most a second."""
    if settings.model is not None:
        return ModelChoice(settings.model)
    names = ollama_models(settings)
    wanted = settings.ollama_model
    if names is None:
        return ModelChoice(
            OFFLINE,
            f"Ollama does not answer at {settings.ollama_base_url}, so the offline model answers; it is no language "
            f"model. For a real one: install Ollama (ollama.com), then `ollama pull {wanted}`.",
        )
    if _has(names, wanted):
        return ModelChoice(f"ollama:{wanted}")
    have = f" It has {', '.join(names[:5])}: set OLLAMA_MODEL to use one." if names else ""
    return ModelChoice(
        OFFLINE,
        f"Ollama does not have {wanted}, so the offline model answers; it is no language model. "
        f"For a real one: `ollama pull {wanted}`.{have}",
    )


def available(settings: Settings) -> list[str]:
    """Specs a person can pick from: the one that is set, what Ollama has, and offline."""
    found = [settings.model] if settings.model else []
    found += [f"ollama:{name}" for name in ollama_models(settings) or []]
    return list(dict.fromkeys([*found, OFFLINE]))


def ollama_models(settings: Settings) -> list[str] | None:
    """Names of the models that Ollama has; None when it does not answer."""
    try:
        response = httpx.get(f"{settings.ollama_base_url}/api/tags", timeout=_ASK_OLLAMA_S)
        response.raise_for_status()
        return [str(model["name"]) for model in response.json()["models"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def _has(names: list[str], wanted: str) -> bool:
    return wanted in names or f"{wanted}:latest" in names
