import time

import pytest

import poster


@pytest.mark.leomock(jobs="seconds:40", clock="frozen")
def test_slow_job_is_waited_for(leomock):
    with leomock.fast_polling():
        assert len(poster.make("a cat")) == 1


@pytest.mark.leomock(jobs="manual", clock="frozen")
def test_job_that_never_ends_is_given_up(leomock):
    with leomock.fast_polling(), pytest.raises(poster.PosterError, match="not done after 60 s"):
        poster.make("a cat")


def test_sleep_and_read_once(leomock):
    id = poster.submit("a cat")
    with leomock.fast_polling():
        time.sleep(20)
    assert poster.read(id)["status"] == "COMPLETE"
