"""Projects on a running server, for tests: made with the home's key, used through clients of their own."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from calango.local import LocalServer
from tests.support.servers import client_of


@dataclass(frozen=True)
class Project:
    id: str
    public_key: str
    secret_key: str
    base_url: str

    @property
    def auth(self) -> tuple[str, str]:
        return self.public_key, self.secret_key

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.base_url, auth=self.auth, timeout=30)


def new_project(server: LocalServer, name: str) -> Project:
    with client_of(server) as home:
        answer = home.post("/api/calango/projects", json={"name": name})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return Project(made["id"], made["publicKey"], made["secretKey"], server.base_url)
