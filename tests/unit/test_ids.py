from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langfuse import Langfuse

from calango.errors import InputError
from calango.ids import check_id, check_trace_id, score_id, trace_id_for

PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), min_size=1, max_size=200)


@given(PRINTABLE.filter(str.strip))
def test_any_printable_text_is_an_id(text):
    assert check_id("session_id", text) == text


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp"]), min_size=1))
def test_control_and_direction_characters_are_refused(text):
    with pytest.raises(InputError):
        check_id("session_id", f"a{text}b")


@given(PRINTABLE, PRINTABLE)
def test_a_trace_id_is_what_the_sdk_derives_from_the_same_seed(session, message):
    assert trace_id_for(session, message) == Langfuse.create_trace_id(seed=f"{session}:{message}")


@given(PRINTABLE, PRINTABLE)
def test_a_derived_trace_id_is_a_valid_one(session, message):
    assert check_trace_id(trace_id_for(session, message))


@pytest.mark.parametrize("value", ["", "0" * 32, "A" * 32, "a" * 31, "a" * 33, "g" * 32, None, 5, "a" * 31 + "\n"])
def test_a_malformed_trace_id_is_refused(value):
    with pytest.raises(InputError, match="32 lower-case hex digits"):
        check_trace_id(value)


def test_each_user_has_one_score_per_answer_and_kind_of_vote():
    trace = "a" * 32
    made = {score_id(trace, name, user) for name in ("user-feedback", "user-rating") for user in ("ana", "bob", None)}

    assert len(made) == 6
