"""From `module:attr`, `./file.py:attr` or nothing to a graph that can be run, whatever it does."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any, cast, get_type_hints

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from calango import bundled
from calango.errors import GraphError

_FORMS = "Write it as module:attr or ./file.py:attr."

AnyGraph = StateGraph[Any, Any, Any, Any] | CompiledStateGraph[Any, Any, Any, Any]
_lock = RLock()


@dataclass(frozen=True, slots=True)
class LoadedGraph:
    """A graph with a `messages` key in its state. `source` is where it came from, as a person would write it."""

    name: str
    source: str
    graph: AnyGraph

    def compile(self, checkpointer: BaseCheckpointSaver[Any] | None = None) -> CompiledStateGraph[Any, Any, Any, Any]:
        """A graph that runs on `checkpointer`. A graph that was already compiled is copied, never changed."""
        if isinstance(self.graph, StateGraph):
            return cast("Any", self.graph).compile(checkpointer=checkpointer, name=self.name)
        return self.graph if checkpointer is None else self.graph.copy({"checkpointer": checkpointer})

    def has_context(self, field: str) -> bool:
        """Whether the graph's context schema has `field`, and so accepts it as a key of `context=`."""
        return field in _fields(_builder(self.graph).context_schema)


def load_graph(spec: str | None, arguments: Mapping[str, object] | None = None) -> LoadedGraph:
    """The graph that `spec` names; None names the one that comes with Calango.

    What is found may be a compiled graph, a StateGraph, or a function that returns one of them. A function gets those
    of `arguments` that its signature names. A relative file is looked for in the working directory.
    Raises GraphError that says what was looked for and what was found.
    """
    if spec is None:
        module, attr, source = bundled.module("graph", "build"), "make_graph", "bundled"
    else:
        place, attr = _split(spec)
        module = _import_file(place, spec) if _is_file(place) else _import_module(place)
        source = spec
    found = _attribute(module, attr, source)
    if inspect.isroutine(found) or _is_callable_object(found):
        found = _call(cast("Callable[..., object]", found), dict(arguments or {}), source)
    graph = _checked(found, source)
    name = "calango" if spec is None else _name(graph, attr)
    return LoadedGraph(name=name, source=source, graph=graph)


def bundled_attr(path: str) -> Any:
    """Something of the graph package that comes with Calango: `models:Models`, `context:Context`, `tools:USAGE`."""
    name, _, attr = path.partition(":")
    return getattr(bundled.module("graph", name), attr)


def _split(spec: str) -> tuple[str, str]:
    place, _, attr = spec.strip().rpartition(":")
    if not place or not attr or "/" in attr or "\\" in attr or not all(part.isidentifier() for part in attr.split(".")):
        raise GraphError(f"{spec!r} names no graph.", _FORMS)
    return place, attr


def _is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place or "\\" in place


def _import_file(place: str, spec: str) -> ModuleType:
    path = Path(place).expanduser().resolve()
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise GraphError(f"The graph's file {place} {kind}.", f"Looked for it in {Path.cwd()}. {_FORMS}")
    if path.suffix != ".py":
        raise GraphError(f"The graph's file {place} is no Python file.", _FORMS)
    _make_importable(path.parent)
    name = f"calango_graph_{sha256(str(path).encode()).hexdigest()[:12]}"
    with _lock:
        try:
            return _execute(name, path)
        except (Exception, SystemExit) as error:  # a file may raise anything while it is imported
            raise _failed_import(spec, error) from error


def _import_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise GraphError(f"{name!r} is no module name.", _FORMS)
    _make_importable(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise GraphError(
                f"There is no module {error.name!r} to take the graph from.",
                f"Looked in {Path.cwd()} and in what is installed. {_FORMS}",
            ) from error
        raise _failed_import(name, error) from error
    except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
        raise _failed_import(name, error) from error


def _execute(name: str, file: Path) -> ModuleType:
    plan = importlib.util.spec_from_file_location(name, file)
    if plan is None or plan.loader is None:
        raise GraphError(f"{file} can't be imported.", _FORMS)
    module = importlib.util.module_from_spec(plan)
    sys.modules[name] = module  # type hints and relative imports look it up while it runs
    try:
        plan.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _make_importable(folder: Path) -> None:
    """At the end of the path: what lies beside a graph must not replace installed packages."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _failed_import(what: str, error: BaseException) -> GraphError:
    return GraphError(
        f"The graph {what} can't be imported: {type(error).__name__}: {error}",
        "The error is in that module, or in something it imports.",
    )


def _attribute(module: ModuleType, attr: str, source: str) -> object:
    found: object = module
    for part in attr.split("."):
        if not hasattr(found, part):
            raise GraphError(f"{source} was not found: there is no {part!r}.", _suggestion(module, part))
        found = getattr(found, part)
    return found


def _suggestion(module: ModuleType, attr: str) -> str:
    names = [name for name in vars(module) if not name.startswith("_")]
    graphs = [name for name in names if isinstance(getattr(module, name), StateGraph | CompiledStateGraph)]
    if likely := list(dict.fromkeys([*get_close_matches(attr, names), *graphs])):
        return f"Did you mean {' or '.join(likely)}?"
    return "It defines no graph." if names else "It defines nothing."


def _is_callable_object(found: object) -> bool:
    return callable(found) and not isinstance(found, StateGraph | CompiledStateGraph | type)


def _call(factory: Callable[..., object], arguments: Mapping[str, object], source: str) -> object:
    given = _accepted(factory, arguments, source)
    try:
        made = factory(**given)
    except GraphError:
        raise
    except Exception as error:  # a factory is the user's code
        raise GraphError(
            f"{source} failed: {type(error).__name__}: {error}", "It was called to build the graph."
        ) from error
    if inspect.iscoroutine(made):
        made.close()
    return made


def _accepted(factory: Callable[..., object], arguments: Mapping[str, object], source: str) -> dict[str, object]:
    """Those of `arguments` that `factory` names, and an empty `config` when it wants one."""
    parameters = _parameters(factory, source)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return dict(arguments)
    named = [p for p in parameters if p.kind is not p.VAR_POSITIONAL]
    given = {p.name: arguments[p.name] for p in named if p.name in arguments and p.kind is not p.POSITIONAL_ONLY}
    missing = [p.name for p in named if p.default is p.empty and p.name not in given]
    if "config" in missing:
        given["config"] = {}
        missing.remove("config")
    if missing:
        wanted, offered = ", ".join(missing), ", ".join(dict.fromkeys([*arguments, "config"]))
        raise GraphError(f"{source} wants {wanted}, which Calango does not have.", f"It may take {offered}.")
    return given


def _parameters(factory: Callable[..., object], source: str) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):  # a few functions written in C tell no signature
        raise GraphError(f"{source} is no function that builds a graph.", _FORMS) from None


def _checked(found: object, source: str) -> AnyGraph:
    if not isinstance(found, StateGraph | CompiledStateGraph):
        what = f"the class {found.__name__}" if isinstance(found, type) else f"{type(found).__name__}"
        raise GraphError(
            f"{source} is no graph but {what}.",
            "It must be a StateGraph, a compiled graph, or a function that returns one.",
        )
    graph = cast("AnyGraph", found)
    keys = sorted(cast("Mapping[str, object]", cast("Any", _builder(graph)).channels))
    if "messages" not in keys:
        raise GraphError(
            f"The state of {source} has no key 'messages', only {', '.join(keys) or 'nothing'}.",
            "Calango talks to a graph through a list of messages.",
        )
    return graph


def _builder(graph: AnyGraph) -> StateGraph[Any, Any, Any, Any]:
    return graph if isinstance(graph, StateGraph) else graph.builder


def _fields(schema: type[Any] | None) -> set[str]:
    if schema is None:
        return set()
    try:
        return set(get_type_hints(schema))
    except NameError:  # an annotation that only a type checker can resolve
        return set(inspect.get_annotations(schema))


def _name(graph: AnyGraph, attr: str) -> str:
    if isinstance(graph, CompiledStateGraph) and graph.name != "LangGraph":
        return graph.name
    return attr.rpartition(".")[2]
