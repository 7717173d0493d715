"""Chat models by role, from specs such as `ollama:llama3.1:8b`."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel

from .offline import OfflineChatModel

Role = Literal["intent", "response"]

OFFLINE: Final = "offline"
CONNECT_TIMEOUT_S: Final = 10.0
# provider: (its name for init_chat_model, the package it needs); the provider is also the name of Calango's extra
_CLOUD: Final = {
    "openai": ("openai", "langchain_openai"),
    "anthropic": ("anthropic", "langchain_anthropic"),
    "google": ("google_genai", "langchain_google_genai"),
}
PROVIDERS: Final = (OFFLINE, "ollama", *_CLOUD)
_KEPT = 32  # models per event loop: a person tries a few, a script must not pile them up

_Key = tuple[str, bool]


class ModelUnavailable(Exception):
    """The model can't be built or reached. `message` says what happened, `hint` what to do; either is one sentence."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Models:
    """Builds models when they are first asked for, and keeps them.

    A model lives as long as its event loop: a client that outlives its loop fails with "Event loop is closed".
    Callers without a loop share one instance, whose HTTP client is safe to use from several threads.

    `timeout_s` bounds the silence between two pieces of an answer, not the whole answer.
    `context_tokens` is what histories are trimmed to, and for Ollama the context it is told to reserve.
    """

    def __init__(
        self,
        response: str = OFFLINE,
        intent: str | None = None,
        *,
        ollama_base_url: str = "http://127.0.0.1:11434",
        timeout_s: float = 120.0,
        context_tokens: int = 8192,
        offline_delay_s: float = 0.0,
    ) -> None:
        self.response = response
        self.intent = intent
        self.ollama_base_url = ollama_base_url
        self.timeout_s = timeout_s
        self.context_tokens = context_tokens
        self.offline_delay_s = offline_delay_s
        self._lock = Lock()
        self._without_loop: dict[_Key, BaseChatModel] = {}
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, BaseChatModel]] = WeakKeyDictionary()

    def get(self, role: Role, spec_override: str | None = None) -> BaseChatModel:
        """The model for `role`: that of `spec_override`, else the one set for the role. Raises ModelUnavailable."""
        key = (self.spec(role, spec_override), role == "intent")
        with self._lock:
            kept = self._kept_here()
            if key not in kept:
                while len(kept) >= _KEPT:
                    del kept[next(iter(kept))]
                kept[key] = self._build(*key)
            return kept[key]

    def spec(self, role: Role, spec_override: str | None = None) -> str:
        return spec_override or (self.intent if role == "intent" else None) or self.response

    def _kept_here(self) -> dict[_Key, BaseChatModel]:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._without_loop
        # A model's open connections refer to its loop, so the weak keys alone would never let a closed loop go.
        for closed in [known for known in self._by_loop if known.is_closed()]:
            del self._by_loop[closed]
        return self._by_loop.setdefault(loop, {})

    def _build(self, spec: str, classifies: bool) -> BaseChatModel:
        provider, name = split_spec(spec)
        if provider == OFFLINE:
            return OfflineChatModel(delay_s=0.0 if classifies else self.offline_delay_s)
        if provider == "ollama":
            return self._ollama(name, classifies)
        return _cloud(provider, name, self.timeout_s)

    def _ollama(self, name: str, classifies: bool) -> BaseChatModel:
        from langchain_ollama import ChatOllama  # noqa: PLC0415 - takes a second to import; offline never needs it

        connect_s = min(CONNECT_TIMEOUT_S, self.timeout_s)
        return ChatOllama(
            model=name,
            base_url=self.ollama_base_url,
            # Both roles reserve the same context, so that Ollama need not load the model again between them.
            num_ctx=self.context_tokens,
            temperature=0.0 if classifies else None,
            reasoning=False if classifies else None,
            client_kwargs={
                "timeout": (connect_s, self.timeout_s, self.timeout_s, connect_s)
            },  # connect read write pool
        )

    @contextmanager
    def explaining(self, spec: str) -> Generator[None]:
        """Turns failures of a model call that a person can do something about into ModelUnavailable."""
        try:
            yield
        except Exception as error:
            if explained := self._explain(error, spec):
                raise explained from error
            raise

    def _explain(self, error: Exception, spec: str) -> ModelUnavailable | None:
        provider, name = split_spec(spec)
        if provider != "ollama":
            return None
        kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
        if "ollama.ResponseError" in kinds and getattr(error, "status_code", 0) == 404:
            return ModelUnavailable(f"Ollama does not have the model {name}.", f"Run `ollama pull {name}`.")
        if "ollama.ResponseError" in kinds:
            said = str(getattr(error, "error", error))
            hint = "Choose a model that can call tools." if "support tools" in said else "Ollama's log says more."
            return ModelUnavailable(f"Ollama failed with {name}: {said}.", hint)
        if "httpx.ReadTimeout" in kinds:
            return ModelUnavailable(
                f"Ollama was silent for {self.timeout_s:g} seconds.", "Raise the timeout or choose a smaller model."
            )
        if kinds & {"builtins.ConnectionError", "httpx.ConnectError", "httpx.ConnectTimeout"}:
            return ModelUnavailable(
                f"Ollama does not answer at {self.ollama_base_url}.",
                "Start it with `ollama serve`, or set its address.",
            )
        if "httpx.TransportError" in kinds:
            return ModelUnavailable("The connection to Ollama broke before the answer was complete.", "Try again.")
        return None


def split_spec(spec: str) -> tuple[str, str]:
    """`ollama:llama3.1:8b` to (`ollama`, `llama3.1:8b`). Raises ModelUnavailable that names the known providers."""
    provider, _, name = spec.strip().partition(":")
    if provider == OFFLINE:
        return provider, name
    if provider in PROVIDERS and name:
        return provider, name
    known = ", ".join(PROVIDERS)
    if provider in PROVIDERS:
        raise ModelUnavailable(f"The model {spec!r} has no name.", f"Write it as {provider}:name.")
    raise ModelUnavailable(
        f"There is no model provider {provider!r}; known are {known}.", f"Did you mean ollama:{spec.strip()}?"
    )


def _cloud(provider: str, name: str, timeout_s: float) -> BaseChatModel:
    service, package = _CLOUD[provider]
    if find_spec("langchain") is None or find_spec(package) is None:
        raise ModelUnavailable(
            f"The packages for {provider} models are not installed.", f'Run `pip install "calango[{provider}]"`.'
        )
    init_chat_model: Any = import_module("langchain.chat_models").init_chat_model
    try:
        return init_chat_model(name, model_provider=service, timeout=timeout_s)
    except Exception as error:  # each provider has its own exception for a missing key or an unknown option
        raise ModelUnavailable(
            f"The {provider} model {name} can't be set up ({type(error).__name__}).",
            f"Is its API key set ({provider.upper()}_API_KEY)?",
        ) from error
