"""What the product does when the API does not do its part."""

import pytest
from poster import NoPoster, make_poster


@pytest.mark.leomock(scenario="out_of_credits")
def test_poster_without_credits(leomock):
    with pytest.raises(NoPoster, match="not enough api tokens"):
        make_poster("a lighthouse")


@pytest.mark.leomock(jobs="immediate")
def test_poster_after_a_failure(leomock):
    with leomock.scenario("moderation_failed"), pytest.raises(NoPoster, match="the generation failed"):
        make_poster("a lighthouse")
    assert make_poster("a lighthouse")
