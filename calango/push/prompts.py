"""Versions of prompts. Langfuse numbers them itself, so they go in their order, and one that is there is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from calango.errors import BackendRefused
from calango.mirror.patience import Patient

PATH = "/api/public/v2/prompts"
Row = Mapping[str, Any]


def push_prompts(remote: Patient, rows: Sequence[Row], refuse: Callable[[str], None]) -> int:
    """How many versions were made there. `refuse` hears of versions that are there with another text."""
    made = 0
    for row in sorted(rows, key=lambda row: (row["name"], row["version"])):
        try:
            made += _push(remote, row, refuse)
        except BackendRefused as error:
            refuse(f"prompt {row['name']} version {row['version']}: {error.message}")
    return made


def _push(remote: Patient, row: Row, refuse: Callable[[str], None]) -> bool:
    one = f"{PATH}/{quote(row['name'], safe='')}"
    labels = [label for label in row["labels"] if label != "latest"]
    here = {"type": row["type"], "prompt": orjson.loads(row["prompt_json"]), "config": orjson.loads(row["config_json"])}
    found = remote.ask("GET", one, may_lack=True, params={"version": row["version"], "resolve": "false"})
    if found is None:
        body = here | {
            "name": row["name"],
            "labels": labels,
            "tags": row["tags"],
            "commitMessage": row["commit_message"],
        }
        answer = remote.ask("POST", PATH, json=body)
        number = orjson.loads(answer.content)["version"] if answer is not None else None
        if number != row["version"]:
            refuse(f"prompt {row['name']} version {row['version']} became version {number}")
        return True
    there = orjson.loads(found.content)
    if any(there.get(name) != value for name, value in here.items()):
        refuse(f"prompt {row['name']} version {row['version']} is there with another text or config")
    elif missing := [label for label in labels if label not in there["labels"]]:
        remote.ask("PATCH", f"{one}/versions/{row['version']}", json={"newLabels": missing})
    return False
