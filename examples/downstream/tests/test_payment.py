import httpx
import pytest
import respx

import poster


@pytest.fixture
def payments():
    with respx.mock(assert_all_called=False) as mock:
        mock.post(poster.PAYMENTS).respond(201)
        yield mock


@pytest.mark.parametrize("amount", [100, 200, 300])
def test_paid_poster_is_made(leomock, payments, amount):
    assert len(poster.sell("a cat", amount)) == 1
    leomock.assert_called("createGeneration", times=1)


def test_other_order_of_the_fixtures(payments, leomock):
    assert len(poster.sell("a cat", 100)) == 1


def test_poster_that_is_not_paid_is_not_made(leomock, payments):
    payments.post(poster.PAYMENTS).respond(402)
    with pytest.raises(poster.PosterError, match="not paid"):
        poster.sell("a cat", 100)
    leomock.assert_not_called("createGeneration")


def test_mock_of_a_real_address_wins(leomock, payments):
    payments.post(f"{poster.API}/generations").respond(500, json={"error": "mocked"})
    with pytest.raises(poster.PosterError, match="mocked"):
        poster.submit("a cat")


@pytest.mark.parametrize("n", range(3))
def test_nothing_is_left_behind(n):
    assert httpx.HTTPTransport.handle_request.__module__ == "httpx._transports.default"
