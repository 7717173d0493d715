from __future__ import annotations

import pytest

from tests.faults.campaign import run

pytestmark = pytest.mark.xdist_group("faults")


def test_faults_and_kills_lose_no_turn_that_was_handed_over_and_no_vote_that_was_accepted(home, tmp_path):
    summary = run(tmp_path, turns=20, votes=8, kills=1, seed=7)

    assert summary.is_whole, summary
    assert summary.faults > 0
