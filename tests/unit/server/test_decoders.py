"""Everything that reads bytes from outside, with near-valid and wild input; `make fuzz` does the same for longer."""

from collections import Counter

import pytest

from tests.fuzz.__main__ import decode
from tests.fuzz.decoders import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_wild_input_is_answered_or_refused_and_what_comes_out_can_be_stored(name: str):
    counts: Counter[str] = Counter()
    decode(name, 40, 0, counts)

    assert counts[name] >= 40
