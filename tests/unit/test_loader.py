from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph

from calango.errors import GraphError
from calango.loader import LoadedGraph, bundled_attr, load_graph

ROOT = Path(__file__).parents[2]

GRAPH = """
from typing import TypedDict
from langgraph.graph import START, MessagesState, StateGraph

class Context(TypedDict):
    model: str

def answer(state):
    return {"messages": [("ai", "from the user's graph")]}

builder = StateGraph(MessagesState, context_schema=Context)
builder.add_node("answer", answer)
builder.add_edge(START, "answer")
"""

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module into an empty working directory; gives its name, which no other test uses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    written: list[str] = []

    def module(source: str) -> str:
        name = f"agent_{tmp_path.name.replace('-', '_')}_{len(written)}"
        (tmp_path / f"{name}.py").write_text(dedent(source), encoding="utf-8")
        written.append(name)
        return name

    yield module
    for name in written:
        sys.modules.pop(name, None)


def ask(loaded: LoadedGraph, text: str = "hi") -> str:
    graph = loaded.compile(InMemorySaver())
    return graph.invoke({"messages": [("user", text)]}, {"configurable": {"thread_id": "t"}})["messages"][-1].text


def refusal(spec: str, arguments: dict[str, object] | None = None) -> str:
    with pytest.raises(GraphError) as caught:
        load_graph(spec, arguments)
    assert caught.value.hint
    return str(caught.value)


def test_no_spec_is_the_bundled_agent_with_the_arguments_it_knows() -> None:
    models = bundled_attr("models:Models")(offline_delay_s=0.0)
    loaded = load_graph(None, {"models": models, "tools": [], "prompt": None, "unknown": 1})
    assert (loaded.name, loaded.source) == ("calango", "bundled")
    assert ask(loaded, "17*23") == "17 * 23 = 391"
    assert loaded.has_context("time_zone")
    assert not loaded.has_context("colour")


def test_the_bundled_agent_is_found_by_place_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "graph.py").write_text("raise RuntimeError('the wrong graph')")
    script = "import calango.loader as l, sys; print(l.load_graph(None).name, 'graph' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {script}"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert (run.stdout.strip(), run.returncode) == ("calango False", 0), run.stderr


@pytest.mark.parametrize("form", ["{name}:builder", "./{name}.py:builder", "{folder}/{name}.py:builder"])
def test_a_graph_is_found_by_module_by_relative_and_by_absolute_file(write: Write, tmp_path: Path, form: str) -> None:
    loaded = load_graph(form.format(name=write(GRAPH), folder=tmp_path))
    assert ask(loaded) == "from the user's graph"
    assert loaded.name == "builder"
    assert loaded.has_context("model")
    assert not loaded.has_context("locale")


def test_a_file_may_import_what_lies_beside_it(write: Write) -> None:
    beside = write(GRAPH)
    loaded = load_graph(f"./{write(f'from {beside} import builder as agent')}.py:agent")
    assert ask(loaded) == "from the user's graph"


def test_a_compiled_graph_gets_the_checkpointer_on_a_copy(write: Write) -> None:
    name = write(GRAPH + "graph = builder.compile(name='mine')")
    loaded = load_graph(f"{name}:graph")
    checkpointer = InMemorySaver()
    graph = loaded.compile(checkpointer)
    assert loaded.name == graph.name == "mine"
    assert graph.checkpointer is checkpointer
    assert loaded.graph.checkpointer is None
    assert loaded.compile() is loaded.graph
    assert ask(loaded) == "from the user's graph"


def test_a_factory_gets_those_arguments_that_it_names(write: Write) -> None:
    name = write(
        GRAPH + "def make(prompt, *, tools=()):\n    assert (prompt, tools) == ('p', ['t'])\n    return builder"
    )
    loaded = load_graph(f"{name}:make", {"prompt": "p", "tools": ["t"], "models": None})
    assert isinstance(loaded.graph, StateGraph)
    assert loaded.name == "make"


def test_a_factory_may_take_a_config_or_anything(write: Write) -> None:
    name = write(
        GRAPH
        + "def by_config(config):\n    assert config == {}\n    return builder.compile()\n"
        + "def by_any(**given):\n    assert given == {'prompt': 'p'}\n    return builder\n"
        + "class Maker:\n    def make(self):\n        return builder\nmaker = Maker()\n"
    )
    assert load_graph(f"{name}:by_config").name == "by_config"
    assert load_graph(f"{name}:by_any", {"prompt": "p"}).name == "by_any"
    assert load_graph(f"{name}:maker.make").name == "make"


@pytest.mark.parametrize("spec", ["", ":", "module", "module:", ":attr", "module:no-name", "C:/x", "a b:c", "./x.py"])
def test_a_spec_of_another_form_says_how_to_write_it(spec: str) -> None:
    assert "module:attr or ./file.py:attr" in refusal(spec)


def test_a_missing_file_is_named_with_where_it_was_looked_for(write: Write, tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    assert f"./nowhere.py does not exist. Looked for it in {tmp_path}" in refusal("./nowhere.py:graph")
    assert "folder.py is a folder" in refusal("./folder.py:graph")


def test_a_missing_module_is_told_from_an_import_that_fails_inside_it(write: Write) -> None:
    assert "There is no module 'not_there_at_all'" in refusal("not_there_at_all.sub:graph")
    inside = write("import not_there_either")
    assert f"{inside} can't be imported: ModuleNotFoundError: No module named 'not_there_either'" in refusal(
        f"{inside}:g"
    )


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def (", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_an_error_inside_the_users_module_is_shown(write: Write, source: str, told: str) -> None:
    name = write(source)
    assert told in refusal(f"{name}:graph")
    assert told in refusal(f"./{name}.py:graph")
    assert name not in sys.modules


def test_a_missing_name_suggests_what_is_there(write: Write) -> None:
    name = write(GRAPH)
    assert "there is no 'buildr'. Did you mean builder?" in refusal(f"{name}:buildr")
    assert "Did you mean builder?" in refusal(f"{name}:xyz")
    assert "It defines no graph." in refusal(f"{write('x = 1')}:graph")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("graph = 42", "is no graph but int"),
        ("class graph: pass", "is no graph but the class graph"),
        ("graph = lambda: 'text'", "is no graph but str"),
        ("async def graph(): return 1", "is no graph but coroutine"),
        ("def graph(database): return 1", "wants database, which Calango does not have. It may take prompt, config."),
        ("def graph(): raise ValueError('no key')", "failed: ValueError: no key"),
        (
            "from typing import TypedDict\nfrom langgraph.graph import StateGraph\n"
            "graph = StateGraph(TypedDict('S', {'question': str, 'answer': str}))",
            "has no key 'messages', only answer, question",
        ),
    ],
)
def test_what_is_no_usable_graph_is_named_for_what_it_is(write: Write, source: str, told: str) -> None:
    assert told in refusal(f"{write(source)}:graph", {"prompt": None})
