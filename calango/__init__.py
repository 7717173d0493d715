"""Calango: run a LangGraph agent and see every turn.

Public names load when they are first used, so that `import calango` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calango.chat import ChatService as ChatService
    from calango.engine import CalangoEngine as CalangoEngine
    from calango.records import TurnResult as TurnResult
    from calango.records import Usage as Usage
    from calango.settings import Settings as Settings
    from calango.tracing import TracingService as TracingService
    from calango.tracing import create_handler as create_handler

__version__ = "0.1.0"

_HOMES = {
    "CalangoEngine": "calango.engine",
    "ChatService": "calango.chat",
    "Settings": "calango.settings",
    "TracingService": "calango.tracing",
    "TurnResult": "calango.records",
    "Usage": "calango.records",
    "create_handler": "calango.tracing",
}
__all__ = [
    "CalangoEngine",
    "ChatService",
    "Settings",
    "TracingService",
    "TurnResult",
    "Usage",
    "__version__",
    "create_handler",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'calango' has no attribute {name!r}")
