"""Writes the pages that follow from the code: settings.md and commands.md. `make docs` runs it, a test compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer.main

from calango.cli.app import app
from calango.settings import Settings, env_names

HERE = Path(__file__).parent
_GROUPS = (("Langfuse", "LANGFUSE_"), ("Ollama", "OLLAMA_"), ("Calango", "CALANGO_"))


def settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "Read once at the start, from the environment and a `.env` file in the working folder; the environment wins.",
        "A bad value stops at once and names the variable. Of several names of one setting the first wins.",
    ]
    for title, prefix in _GROUPS:
        lines += ["", f"## {title}", "", "| variable | default | what it does |", "| --- | --- | --- |"]
        for field in Settings.model_fields:
            names = env_names(field)
            if names[0].startswith(prefix):
                written = ", ".join(f"`{name}`" for name in names)
                lines.append(f"| {written} | {_default(field)} | {Settings.model_fields[field].description} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    lines = ["# Commands", "", "Each command prints its result on stdout and everything else on stderr.", ""]
    lines += [
        "| exit code | meaning |",
        "| ---: | --- |",
        "| 0 | done |",
        "| 1 | the turn failed, a check failed, or something unexpected |",
        "| 2 | an argument, option, setting or graph is wrong |",
        "| 3 | the model can't be reached or used |",
        "| 4 | CALANGO_HOME or the local server can't be used |",
        "| 5 | Langfuse does not answer, refuses, or has no such thing |",
        "| 6 | a budget that stops is used up ([costs.md](costs.md#budgets)) |",
        "| 130 | stopped by Ctrl-C |",
        "",
    ]
    for name, command in _commands(typer.main.get_command(app), "calango"):
        lines += _section(name, command)
    return "\n".join(lines).rstrip() + "\n"


def _commands(group: Any, prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, command in group.commands.items():
        path = f"{prefix} {name}"
        found += _commands(command, path) if hasattr(command, "commands") else [(path, command)]
    return found


def _section(name: str, command: Any) -> list[str]:
    text = "\n".join(line.strip() for line in (command.help or "").splitlines()).strip()
    rows = [
        f"| {_usage(parameter)} | {parameter.help or ''} |" for parameter in command.params if parameter.name != "help"
    ]
    table = ["| | |", "| --- | --- |", *rows, ""] if rows else []
    return [f"## {name}", "", text, "", *table]


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    return ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])


def _default(field: str) -> str:
    default = Settings.model_fields[field].default
    if field == "home":
        return "the user's data folder"
    if default is None:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


PAGES = {"settings.md": settings_page, "commands.md": commands_page}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (HERE / page).write_text(write(), encoding="utf-8")
