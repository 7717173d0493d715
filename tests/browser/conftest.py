"""A real Chromium before the real `calango up`, with a model that a test can hold back."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from calango import local
from tests.support.ollama import OllamaServer, Reply, call
from tests.support.servers import eventually

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

expect.set_options(timeout=15_000)


@dataclass
class Site:
    """The running UI. `gate` holds back answers to messages that contain "devagar"; it opens once per test."""

    url: str
    ollama: OllamaServer
    home: Path
    gate: Event = field(default_factory=Event)


def _reply(gate: Callable[[], Event], request: dict[str, Any]) -> Reply:
    last = request["messages"][-1]
    asked = last["content"]
    if last["role"] == "tool":
        return Reply(
            "12% de 3.500 são **420**.\n\n```python\nprint(3500 * 0.12)  # 420\n```\n\nNa fatura: US$ 420 de US$ 3.500."
        )
    if "12%" in asked:
        return Reply(tool_calls=[call("calculator", expression="3500 * 0.12")])
    if "devagar" in asked:
        return Reply(["Era uma vez ", "um calango ", "que parou."], gate=gate())
    if "perigo" in asked:
        return Reply(
            "<script>alert(1)</script><img src=x onerror=alert(1)> ![a](http://127.0.0.1:9/leak.png)"
            " [clique](javascript:alert(1)) fim"
        )
    return Reply("Resposta curta.")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    home = tmp_path_factory.mktemp("browser") / "home"
    found: list[Site] = []
    with OllamaServer(lambda request: _reply(lambda: found[0].gate, request)) as ollama:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LANGFUSE_", "OLLAMA_", "CALANGO_", "STREAMLIT_"))
        }
        environment |= {
            "CALANGO_HOME": str(home),
            "CALANGO_PORT": "0",
            "CALANGO_MODEL": "ollama:llama3.1:8b",
            "CALANGO_USER": "ana",
            "CALANGO_SERVER_IDLE": "300",
            "OLLAMA_BASE_URL": ollama.base_url,
        }
        port = _free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "calango", "up", "--port", str(port)], env=environment, cwd=home.parent
        )
        found.append(Site(f"http://127.0.0.1:{port}", ollama, home))
        try:
            assert eventually(lambda: process.poll() is not None or _answers(found[0].url), within_s=40)
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
            local.stop(home)


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("No Chromium: install it, or name it in CHROMIUM.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Browser, site: Site) -> Generator[Callable[..., Chat]]:
    """Opens the page in a browser profile of its own: `tab("?lang=en", color_scheme="dark")`."""
    site.gate = Event()
    opened: list[Chat] = []

    def opens(query: str = "", **options: Any) -> Chat:
        options = {"viewport": {"width": 1280, "height": 800}, **options}
        context = browser.new_context(service_workers="block", locale="pt-BR", **options)
        chat = Chat(context.new_page(), site)
        opened.append(chat)
        chat.open(query)
        return chat

    yield opens
    site.gate.set()
    for chat in opened:
        chat.page.context.close()


class Chat:
    """The page as a person uses it."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        page.set_default_timeout(15_000)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.site.url}/{query}")
        self.settle()

    def settle(self) -> None:
        """Until the page is drawn: what is opened before that may be closed by the drawing."""
        expect(self.input).to_be_visible()
        expect(self.page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")

    def reload(self) -> None:
        self.page.reload()
        self.settle()

    @property
    def input(self) -> Locator:
        return self.page.get_by_test_id("stChatInput").locator("textarea")

    @property
    def answers(self) -> Locator:
        return self.page.get_by_label("Chat message from assistant")

    def ask(self, text: str) -> None:
        expect(self.input).to_be_enabled()
        self.input.fill(text)
        self.input.press("Enter")

    def text(self, wanted: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_text(wanted)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def thumb(self, name: str, answer: int = 0) -> Locator:
        return self.page.get_by_test_id("stFeedback").nth(answer).get_by_role("radio", name=f"Thumbs {name}")

    def shoot(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_stcore/health", timeout=2).is_success
    except httpx.HTTPError:
        return False
