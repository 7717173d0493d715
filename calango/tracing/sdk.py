"""Langfuse's LangChain handler, of whichever SDK is installed."""

from __future__ import annotations

from calango.errors import ConfigError

try:
    from langfuse.langchain import CallbackHandler
except ModuleNotFoundError as error:  # SDK 4's handler imports `langchain`, which nothing else here needs
    raise ConfigError(
        "The handler of Langfuse's SDK 4 needs the package langchain.",
        "pip install langchain, or pip install 'langfuse>=5'.",
    ) from error

__all__ = ["CallbackHandler"]
