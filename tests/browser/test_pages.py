"""The pages beside the chat in a real browser: navigation, links that reproduce a page, and the way into a trace."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Chat, Site

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Tab = Callable[..., Chat]


@pytest.fixture(scope="module")
def filled(site: Site) -> Site:
    """The site's server with 120 made-up turns."""
    command = [sys.executable, "-m", "calango", "seed", "--turns", "120", "--days", "5", "--anyway"]
    environment = {"PATH": os.environ["PATH"], "CALANGO_HOME": str(site.home), "CALANGO_PORT": "0"}
    subprocess.run(command, env=environment, cwd=site.home.parent, check=True, capture_output=True, timeout=60)
    return site


def go(chat: Chat, path: str) -> Page:
    chat.page.goto(f"{chat.site.url}/{path}")
    settle(chat.page)
    return chat.page


def settle(page: Page) -> None:
    expect(page.get_by_test_id("stMain").get_by_test_id("stHeading").first).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", name=text, exact=True)).to_be_visible()


def test_every_page_is_reached_from_the_navigation_and_nothing_is_fetched_from_elsewhere(
    tab: Tab, filled: Site
) -> None:
    chat = tab()
    for name in ("Visão geral", "Traces", "Conversas", "Usuários", "Erros", "Alertas", "Saúde"):
        chat.page.get_by_role("link", name=name, exact=True).first.click()
        heading(chat.page, name)
        settle(chat.page)
        expect(chat.page.get_by_test_id("stException")).to_have_count(0)
    own = filled.url.removeprefix("http")
    assert [url for url in chat.requests if own not in url and not url.startswith(("data:", "blob:"))] == []


def test_a_filter_in_the_address_survives_a_reload(tab: Tab, filled: Site) -> None:
    page = go(tab(), "overview?since=30d&tag=web")
    chip = page.get_by_role("button", name="Tag: web")
    expect(chip).to_be_visible()
    turns = page.get_by_test_id("stMetric").filter(has_text="Turnos").inner_text()
    page.reload()
    settle(page)
    expect(chip).to_be_visible()
    assert page.get_by_test_id("stMetric").filter(has_text="Turnos").inner_text() == turns
    chip.click()
    expect(chip).to_have_count(0)
    assert "tag=" not in page.url
    assert "since=30d" in page.url


def test_a_cards_link_opens_the_list_filtered_and_a_click_there_the_waterfall(tab: Tab, filled: Site) -> None:
    chat = tab()
    page = go(chat, "overview?since=30d&environment=production")
    chat.shoot("overview-light-pt")
    page.get_by_role("link", name=re.compile("turnos que falharam")).click()
    heading(page, "Traces")
    expect(page.get_by_role("button", name="Desfecho: falhou")).to_be_visible()
    for wanted in ("outcome=error", "environment=production", "since=30d"):
        assert wanted in page.url
    settle(page)
    page.get_by_test_id("stDataFrame").click(position={"x": 200, "y": 52})
    expect(page.get_by_text("O que aconteceu")).to_be_visible()
    assert "trace=" in page.url
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    settle(page)
    chat.shoot("trace-light-pt")
    page.go_back()
    expect(page.get_by_role("button", name="Desfecho: falhou")).to_be_visible()


def test_the_language_chosen_on_one_page_is_that_of_the_next(tab: Tab, filled: Site) -> None:
    page = go(tab(), "overview?lang=en")
    heading(page, "Overview")
    page.get_by_role("link", name="Errors", exact=True).first.click()
    heading(page, "Errors")


def test_a_tag_that_is_added_to_a_trace_filters_the_list(tab: Tab, filled: Site) -> None:
    chat = tab()
    page = go(chat, "traces?since=30d")
    page.get_by_test_id("stDataFrame").click(position={"x": 200, "y": 52})
    page.get_by_role("button", name="Adicionar tags").click()
    field = page.get_by_test_id("stPopoverBody").get_by_role("combobox")
    field.fill("conferida")
    field.press("Enter")
    settle(page)
    page.get_by_role("button", name="Adicionar", exact=True).click()
    expect(page.get_by_text("As tags foram adicionadas.")).to_be_visible()
    chat.shoot("trace-tags-light-pt")
    page = go(chat, "traces?since=30d&tag=conferida")
    expect(page.get_by_role("button", name="Tag: conferida")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_a_rule_is_typed_looked_at_saved_and_evaluated(tab: Tab, filled: Site) -> None:
    chat = tab()
    page = go(chat, "alerts")
    page.get_by_role("button", name="Nova regra").click()
    page.get_by_label("Nome", exact=True).fill("lentidão")
    page.get_by_role("spinbutton", name="Limite (segundos)").fill("0.01")
    page.get_by_role("button", name="O que diria agora?").click()
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    chat.shoot("alert-form-light-pt")
    page.get_by_role("button", name="Salvar").click()
    expect(page.get_by_text("ainda não avaliada")).to_be_visible()
    assert "rule=" not in page.url
    page.get_by_role("button", name="Verificar agora").click()
    expect(page.get_by_text("ainda não avaliada")).to_have_count(0)
    settle(page)
    page.get_by_role("button", name="Excluir").click()
    page.get_by_role("button", name="Excluir mesmo").click()
    expect(page.get_by_text("Ninguém vigia ainda")).to_be_visible()
