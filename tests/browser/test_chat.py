"""The main path in a real browser: ask, watch, stop, vote, change one's mind, come back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Chat

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Tab = Callable[..., Chat]


def test_a_conversation_is_held_rated_and_found_again(tab: Tab) -> None:
    chat = tab()
    expect(chat.text("Como posso ajudar?")).to_be_visible()
    chat.shoot("empty-light-pt")
    chat.ask("Quanto é 12% de 3500?")
    expect(chat.answers).to_contain_text("12% de 3.500 são 420.")
    expect(chat.answers).to_contain_text("calculator")
    expect(chat.answers).to_contain_text("Na fatura: US$ 420 de US$ 3.500.")
    expect(chat.answers).to_contain_text(re.compile(r"llama3\.1:8b · \d+ \+ \d+ tokens · "))

    chat.thumb("up").click()
    expect(chat.text("Obrigado pelo feedback!")).to_be_visible()
    expect(chat.text("Recebido")).to_be_visible()
    chat.shoot("chat-light-pt")
    chat.thumb("down").click()
    expect(chat.thumb("down")).to_have_attribute("aria-checked", "true")
    chat.button("Comentar").click()
    chat.page.get_by_role("textbox", name="O que foi bom").fill("Faltou a conta.")
    chat.button("Salvar comentário").click()
    expect(chat.button("Editar comentário")).to_be_visible()

    chat.reload()
    expect(chat.answers).to_contain_text("420")
    expect(chat.thumb("down")).to_have_attribute("aria-checked", "true")
    expect(chat.thumb("up")).to_have_attribute("aria-checked", "false")
    expect(chat.text("Recebido")).to_be_visible()
    expect(chat.answers).to_contain_text(re.compile(r"\d+ \+ \d+ tokens · "))

    chat.thumb("down").click()
    expect(chat.text("Seu voto foi retirado.")).to_be_visible()
    chat.reload()
    expect(chat.text("Isso ajudou?")).to_be_visible()
    expect(chat.thumb("down")).to_have_attribute("aria-checked", "false")

    with chat.page.context.expect_page() as trace:
        chat.page.get_by_role("link", name="Trace", exact=True).click()
    expect(trace.value.get_by_text("calculator").first).to_be_visible()


def test_an_answer_is_seen_while_it_comes_and_its_beginning_is_kept_when_stopped(tab: Tab) -> None:
    chat = tab()
    chat.ask("Conte devagar")
    expect(chat.answers).to_contain_text("Era uma vez")
    expect(chat.text(re.compile("Trabalhando"))).to_be_visible()
    expect(chat.button("Que horas são?")).to_have_count(0)
    chat.shoot("streaming")
    chat.page.get_by_test_id("stChatInputStopButton").click()
    expect(chat.text("Parado. O que já foi dito está guardado.")).to_be_visible()
    expect(chat.answers).to_contain_text("Era uma vez")
    expect(chat.answers).not_to_contain_text("que parou")
    chat.shoot("stopped")

    chat.ask("E agora?")
    expect(chat.answers.nth(1)).to_contain_text("Resposta curta.")
    chat.reload()
    expect(chat.answers.nth(0)).to_contain_text("Era uma vez")
    expect(chat.text("Parado. O que já foi dito está guardado.")).to_be_visible()


def test_a_vote_on_an_earlier_answer_does_not_disturb_the_running_one(tab: Tab) -> None:
    chat = tab()
    chat.ask("Oi")
    expect(chat.answers).to_contain_text("Resposta curta.")
    chat.ask("Conte devagar")
    expect(chat.answers.nth(1)).to_contain_text("Era uma vez")
    chat.thumb("up").click()
    expect(chat.text("Obrigado pelo feedback!")).to_be_visible()
    expect(chat.answers.nth(1)).to_contain_text("Era uma vez")
    expect(chat.input).to_be_disabled()
    expect(chat.text(re.compile(r"Trabalhando … [3-9] s"))).to_be_visible()  # time enough to be stopped by mistake
    chat.site.gate.set()
    expect(chat.answers.nth(1)).to_contain_text("que parou.")
    expect(chat.thumb("up")).to_have_attribute("aria-checked", "true")
    expect(chat.input).to_be_enabled()


def test_after_a_vote_the_running_answer_can_still_be_stopped(tab: Tab) -> None:
    chat = tab()
    chat.ask("Oi")
    expect(chat.answers).to_contain_text("Resposta curta.")
    chat.ask("Conte devagar")
    expect(chat.answers.nth(1)).to_contain_text("Era uma vez")
    chat.thumb("down").click()
    chat.button("Parar").click()
    expect(chat.text("Parado. O que já foi dito está guardado.")).to_be_visible()
    expect(chat.answers.nth(1)).to_contain_text("Era uma vez")


def test_a_reload_does_not_end_the_running_turn_and_others_do_not_see_it(tab: Tab) -> None:
    chat, other = tab(), tab("?user=bob")
    chat.ask("Conte devagar")
    expect(chat.answers).to_contain_text("Era uma vez")
    expect(other.text("Nenhuma ainda.")).to_be_visible()
    other.ask("Oi")
    expect(other.answers).to_contain_text("Resposta curta.")
    expect(other.answers).not_to_contain_text("Era uma vez")
    chat.reload()
    expect(chat.text(re.compile("está sendo escrita"))).to_be_visible()
    chat.site.gate.set()
    expect(chat.answers).to_contain_text("que parou.")


def test_a_second_conversation_leaves_the_first_as_it_was(tab: Tab) -> None:
    chat = tab("?user=bob-2")
    chat.ask("Primeira pergunta")
    expect(chat.answers).to_contain_text("Resposta curta.")
    chat.button("Nova conversa").click()
    expect(chat.text("Como posso ajudar?")).to_be_visible()
    chat.ask("Segunda pergunta")
    expect(chat.answers).to_contain_text("Resposta curta.")
    expect(chat.page.get_by_label("Chat message from user")).to_have_text("Segunda pergunta")
    chat.button("Primeira pergunta").click()
    expect(chat.page.get_by_label("Chat message from user")).to_have_text("Primeira pergunta")


def test_what_a_model_writes_runs_nothing_and_fetches_nothing(tab: Tab) -> None:
    chat = tab()
    chat.ask("perigo")
    expect(chat.answers).to_contain_text("fim")
    expect(chat.answers).to_contain_text("<script>alert(1)</script>")
    expect(chat.answers.locator("img")).to_have_count(0)
    expect(chat.answers.locator("a[href^=javascript]")).to_have_count(0)
    assert chat.dialogs == []
    own = chat.site.url.removeprefix("http")
    assert [url for url in chat.requests if own not in url and not url.startswith(("data:", "blob:"))] == []


def test_the_page_changes_to_english_in_the_dark_and_fits_a_phone_in_the_light(tab: Tab) -> None:
    chat = tab(color_scheme="dark")
    chat.page.get_by_role("combobox", name=re.compile("Idioma")).click()
    chat.page.get_by_role("option", name="English").click()
    expect(chat.text("What can I do for you?")).to_be_visible()
    chat.shoot("empty-dark-en")
    chat.ask("What is 12% of 3500?")
    expect(chat.answers).to_contain_text("no known cost")
    chat.thumb("up").click()
    expect(chat.text("Thank you for the feedback!")).to_be_visible()
    expect(chat.text("Received")).to_be_visible()
    chat.shoot("chat-dark-en")

    chat.page.set_viewport_size({"width": 390, "height": 844})
    chat.page.emulate_media(color_scheme="light")
    chat.reload()
    expect(chat.answers).to_contain_text("no known cost")
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 390
    chat.shoot("phone-light-en")
