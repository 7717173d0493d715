"""What models write is shown and does nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calango import bundled
from tests.support.ollama import OllamaServer
from tests.ui.conftest import Opens, ask, ollama_answers

render = bundled.module("ui", "render")

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>"
    " ![a](http://127.0.0.1:9/leak) custa US$ 5 e depois US$ 6 `echo $HOME`"
)


def test_html_images_and_dollars_of_a_model_are_inert(unreachable: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer([HOSTILE]) as ollama:
        ollama_answers(monkeypatch, ollama)
        app = ask(unreachable(), "Oi?")
    shown = app.chat_message[1].markdown[0]
    assert not shown.allow_html
    assert "![" not in shown.value
    assert "US\\$ 5 e depois US\\$ 6" in shown.value
    assert "`echo $HOME`" in shown.value


@pytest.mark.parametrize("image", [r"\![a](b)", "![a][b]\n\n[b]: http://c", "[![a](b)](c)", "`![a](b)", "!\\![a](b)"])
def test_no_form_of_image_is_left(image: str) -> None:
    for segment in render.segments(image):
        assert "![" not in segment.markdown


@given(st.text(alphabet="`~!$[]()\\ \nab", max_size=60))
def test_whatever_the_text_prose_has_no_image_and_no_bare_dollar_outside_code(text: str) -> None:
    for segment in render.segments(text):
        if isinstance(segment, render.Prose):
            assert "![" not in segment.markdown
            assert "`" in segment.markdown or "$" not in segment.markdown.replace(r"\$", "")


def test_fenced_code_keeps_its_text_and_language() -> None:
    found = render.segments("Veja:\n```python\nprint('$', '![x](y)')\n```\nFim.")
    assert found == [
        render.Prose("Veja:"),
        render.Code("print('$', '![x](y)')", "python"),
        render.Prose("Fim."),
    ]


def test_a_fence_that_is_still_open_is_code() -> None:
    assert render.segments("```sh\necho $HOME") == [render.Code("echo $HOME", "sh")]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    assert render.segments("````\n```\nx\n```\n````") == [render.Code("```\nx\n```", None)]


def test_labels_are_shown_letter_by_letter() -> None:
    assert render.plain("a *b*\n:red[c] $d$ `e`") == r"a \*b\* \:red\[c\] \$d\$ \`e\`"


@pytest.mark.parametrize("text", ["`" * 50_000, "` `` " * 20_000, "$" * 100_000, "\\" * 100_001, "![" * 50_000])
def test_hostile_text_is_worked_through_to_its_end(text: str) -> None:
    parts = render.segments(f"before\n\n{text}")

    assert isinstance(parts[0], render.Prose)
    assert parts[0].markdown.startswith("before")
