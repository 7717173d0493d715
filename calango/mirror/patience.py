"""Asks a remote Langfuse, and waits as long as a limit or a failing server asks for, some times."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from calango.errors import BackendRefused, BackendUnreachable

TRIES = 6
LONGEST_WAIT_S = 60.0
Wait = Callable[[float], None]


class Patient:
    """`again` says what to do when it does not answer at all."""

    def __init__(self, client: httpx.Client, again: str, wait: Wait = time.sleep) -> None:
        self._client = client
        self._again = again
        self._wait = wait

    def ask(self, method: str, path: str, *, may_lack: bool = False, **options: Any) -> httpx.Response | None:
        """The answer; None when there is no such thing and it `may_lack`. Raises BackendUnreachable, BackendRefused."""
        said = ""
        for attempt in range(TRIES):
            wait_s = min(LONGEST_WAIT_S, 0.5 * 2**attempt)
            try:
                answer = self._client.request(method, path, **options)
            except httpx.HTTPError as error:
                said = type(error).__name__
            else:
                if answer.is_success:
                    return answer
                if answer.status_code == 404 and may_lack:
                    return None
                if answer.status_code != 429 and answer.status_code < 500:
                    raise BackendRefused(
                        f"Langfuse answered {answer.status_code} to {method} {path}.", status=answer.status_code
                    )
                said = f"answer {answer.status_code}"
                asked = answer.headers.get("retry-after", "")
                wait_s = min(LONGEST_WAIT_S, float(asked)) if asked.isdigit() else wait_s
            if attempt < TRIES - 1:
                self._wait(wait_s)
        raise BackendUnreachable(f"Langfuse does not answer ({said}).", self._again)
