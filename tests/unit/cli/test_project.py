"""`calango project`, against a real local server."""

import json
from pathlib import Path

import httpx

from calango import local
from tests.support.commands import Calango

WHOSE = "/api/public/projects"


def test_a_created_projects_settings_open_it(calango: Calango):
    code, out, _ = calango("project", "create", "support")
    settings = dict(line.split("=", 1) for line in out.splitlines())

    auth = (settings["LANGFUSE_PUBLIC_KEY"], settings["LANGFUSE_SECRET_KEY"])
    found = httpx.get(settings["LANGFUSE_BASE_URL"] + WHOSE, auth=auth).json()
    assert (code, found["data"][0]["name"]) == (0, "support")


def test_a_secret_is_shown_once(calango: Calango):
    secret = json.loads(calango("project", "create", "support", "--json")[1])["secretKey"]
    later = [calango("project", "list", "--json")[1], calango("project", "key", "list", "support", "--json")[1]]

    assert [text for text in later if secret in text or "sk-lf" in text] == []


def test_a_key_is_created_listed_and_revoked(calango: Calango):
    calango("project", "create", "support")
    made = json.loads(calango("project", "key", "create", "support", "--json")[1])
    assert made["publicKey"] in calango("project", "key", "list", "support")[1]
    assert calango("project", "key", "revoke", made["publicKey"])[0] == 0

    auth = (made["publicKey"], made["secretKey"])
    assert httpx.get(made["baseUrl"] + WHOSE, auth=auth).status_code == 401
    assert made["publicKey"] not in calango("project", "key", "list", "support")[1]


def test_the_list_marks_the_homes_own_project(calango: Calango):
    calango("project", "create", "support")
    lines = calango("project", "list")[1].splitlines()

    assert [("calango" in line, "own" in line) for line in lines] == [(True, True), (False, False)]


def test_what_is_refused_says_why(calango: Calango, home: Path):
    calango("project", "create", "support")
    own = local.keys(home).public_key

    for arguments, code, why in [
        (["create", "support"], 5, "already"),
        (["create", "a\nb"], 5, "control character"),
        (["key", "list", "nope"], 5, "no project 'nope'"),
        (["key", "revoke", "nope"], 5, "no key nope"),
        (["key", "revoke", own], 5, "can't be revoked"),
    ]:
        ended, _, err = calango("project", *arguments)
        assert (ended, why in " ".join(err.split())) == (code, True), err
