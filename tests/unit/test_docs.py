"""What the documents say is there, and what is there is said."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import calango
from calango import tracing
from calango.settings import Settings, env_names
from docs import generate

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", ROOT / "README.pt-BR.md"]
PAGES = [*READMES, *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("page", generate.PAGES)
def test_a_page_that_follows_from_the_code_is_up_to_date(page):
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == generate.PAGES[page](), "run `make docs`"


def test_every_setting_is_documented():
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert [name for field in Settings.model_fields for name in env_names(field) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("module", [calango, tracing], ids=["calango", "calango.tracing"])
def test_every_public_name_is_documented(module):
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")

    assert [name for name in module.__all__ if not name.startswith("__") and name not in text] == []


@pytest.mark.parametrize("module", [calango, tracing], ids=["calango", "calango.tracing"])
def test_every_public_name_exists(module):
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page):
    known = set(re.findall(r"^## calango (\w+)", generate.commands_page(), re.MULTILINE))
    named = set(re.findall(r"(?<!from )\bcalango ([a-z]+)(?=[ `\n])", _code(page)))

    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page):
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"make ([a-z0-9-]+)", _code(page))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_that_a_page_names_is_a_setting(page):
    known = {name for field in Settings.model_fields for name in env_names(field)}
    named = set(re.findall(r"\b(?:CALANGO|LANGFUSE|OLLAMA)_[A-Z_]+\b", page.read_text(encoding="utf-8")))

    assert named <= known


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_the_first_screen_shows_the_two_commands_and_a_picture(page):
    first = "\n".join(page.read_text(encoding="utf-8").splitlines()[:20])

    assert "make demo" in first
    assert "make test" in first
    assert "docs/chat.png" in first


@pytest.mark.parametrize(
    "example", re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)
)
def test_every_import_of_an_example_works(example):
    for module, names in re.findall(r"^from (\S+) import (.+)$", example, re.MULTILINE):
        loaded = importlib.import_module(module)
        assert [name for name in names.split(", ") if not hasattr(loaded, name)] == []


def test_no_file_names_a_package_registry():
    hosts = ["py" + "pi.org", "python" + "hosted", "npm" + "js.org", "deb.deb" + "ian.org"]
    text = (ROOT / "uv.lock").read_text() + (ROOT / "pyproject.toml").read_text() + (ROOT / "Makefile").read_text()

    assert [host for host in hosts if host in text] == []


def _code(page: Path) -> str:
    """Code blocks and inline code of a page."""
    text = page.read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
