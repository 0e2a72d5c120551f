"""Whether a client treats the API well."""

import pytest
from poster import make_poster


def test_poster_treats_the_api_well(leomock):
    with leomock.fast_polling():
        make_poster("a lighthouse")
    leomock.verdict().assert_clean()


def test_client_that_insists(leomock, leomock_client):
    for _ in range(3):
        leomock_client.post("/generations", json={"prompt": "a lighthouse", "num_images": 99})
    with pytest.raises(AssertionError, match="retried-what-cannot-succeed"):
        leomock.verdict().assert_clean()
