"""A generation that takes a minute, in no time."""

import pytest
from poster import make_poster


@pytest.mark.leomock(jobs="seconds:60", clock="frozen")
def test_poster_that_takes_a_minute(leomock):
    began = leomock.clock.now()
    with leomock.fast_polling():  # sleeps of this thread move the fake's time on instead of waiting
        make_poster("a lighthouse")
    assert leomock.clock.now() - began == 60
