import httpx
import pytest
import requests

import poster


def test_poster(leomock):
    (url,) = poster.make("a cat", pause=0.01)
    assert url.startswith("https://cdn.leonardo.ai/")
    leomock.assert_called("createGeneration", times=1, body={"prompt": "a cat"})


@pytest.mark.parametrize("get", [httpx.get, requests.get])
def test_picture_is_a_jpeg(leomock, get):
    (url,) = poster.make("a cat", pause=0.01)
    assert get(url).content.startswith(b"\xff\xd8")


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_number_of_pictures(leomock, count):
    assert len(poster.make("a cat", pause=0.01, num_images=count)) == count


@pytest.mark.leomock(credits=1)
def test_no_credits_left(leomock):
    with pytest.raises(poster.PosterError):
        poster.make("a cat")


@pytest.mark.leomock(scenario="out_of_credits")
def test_scenario_reaches_a_program_with_its_own_key(leomock):
    with pytest.raises(poster.PosterError):
        poster.make("a cat")


@pytest.mark.leomock(jobs="immediate")
def test_marker_without_the_fixture():
    assert len(poster.make("a cat")) == 1


def test_poster_costs_little(leomock):
    poster.make("a cat", pause=0.01)
    leomock.assert_spent(at_most=100)


@pytest.mark.leomock(generations=3)
def test_account_with_earlier_posters(leomock):
    answer = requests.get(f"{poster.API}/generations/user/{leomock.user_id}", headers=poster.HEADERS)
    assert len(answer.json()["generations"]) == 3


def test_real_service_is_closed_without_a_fake(leomock_server):
    with pytest.raises(httpx.ConnectError, match="leomock stopped a call for cloud.leonardo.ai"):
        poster.submit("a cat")
