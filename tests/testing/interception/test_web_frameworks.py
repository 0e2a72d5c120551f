"""Programs under test in the same process: web frameworks by their own test clients, and task queues."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import celery
import django
import fastapi
import flask
import httpx
import orjson
import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import setup_logging
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.test import Client, override_settings
from django.urls import path
from fastapi.testclient import TestClient

from leomock import Fake

URL = "https://cloud.leonardo.ai/api/rest/v1/generations"


@pytest.fixture
def led(fake: Fake) -> Iterator[Fake]:
    """A fake that gets the program's calls."""
    with fake.intercept():
        yield fake


def create() -> str:
    """What the program does: call the real host, with a key of its own."""
    answer = httpx.post(URL, json={"prompt": "a cat"}, headers={"authorization": "Bearer the-programs-own"})
    id: str = answer.raise_for_status().json()["sdGenerationJob"]["generationId"]
    return id


async def create_async() -> str:
    """The same without blocking."""
    async with httpx.AsyncClient(headers={"authorization": "Bearer the-programs-own"}) as client:
        answer = await client.post(URL, json={"prompt": "a cat"})
    id: str = answer.raise_for_status().json()["sdGenerationJob"]["generationId"]
    return id


def assert_created(fake: Fake, id: str) -> None:
    """The call belongs to the test's account."""
    call = fake.assert_called("createGeneration", times=1)[0]
    assert orjson.loads(call.response_body)["sdGenerationJob"]["generationId"] == id


def test_flask(led: Fake) -> None:
    app = flask.Flask("shop")
    app.post("/posters")(lambda: {"id": create()})
    with app.test_client() as client:
        assert_created(led, client.post("/posters").get_json()["id"])


def _view(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"id": create()})


async def _async_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"id": await create_async()})


urlpatterns = [path("posters", _view), path("async-posters", _async_view)]


@pytest.mark.parametrize("view", ["posters", "async-posters"])
def test_django(led: Fake, view: str) -> None:
    if not settings.configured:
        settings.configure(LOGGING_CONFIG=None)
        django.setup()
    with override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"]):
        assert_created(led, Client().post(f"/{view}").json()["id"])


def fastapi_app() -> fastapi.FastAPI:
    """One endpoint runs in a thread, the other in the loop."""
    app = fastapi.FastAPI()
    app.post("/posters")(lambda: {"id": create()})

    @app.post("/async-posters")
    async def async_posters() -> dict[str, str]:
        return {"id": await create_async()}

    return app


@pytest.mark.parametrize("endpoint", ["posters", "async-posters"])
def test_fastapi_by_its_test_client(led: Fake, endpoint: str) -> None:
    with TestClient(fastapi_app()) as client:
        assert_created(led, client.post(f"/{endpoint}").json()["id"])


@pytest.mark.parametrize("endpoint", ["posters", "async-posters"])
def test_fastapi_by_the_transport_of_httpx(led: Fake, endpoint: str) -> None:
    async def call() -> str:
        transport = httpx.ASGITransport(fastapi_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            id: str = (await client.post(f"/{endpoint}")).json()["id"]
            return id

    assert_created(led, asyncio.run(call()))


def celery_app(**options: Any) -> tuple[celery.Celery, Any]:
    """A task queue in memory, and its task."""
    app = celery.Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(options)
    return app, app.task(create, name="create")


def test_celery_in_eager_mode(led: Fake) -> None:
    _, task = celery_app(task_always_eager=True)
    assert_created(led, task.delay().get())


@pytest.fixture
def restrained_worker() -> Iterator[None]:
    """Keep a Celery worker from changing the root logger and the environment."""

    def leave_as_it_is(**_: Any) -> None:
        """Celery sets up logging only if nobody receives this signal."""

    setup_logging.connect(leave_as_it_is)
    with mock.patch.dict(os.environ):
        yield
    setup_logging.disconnect(leave_as_it_is)


@pytest.mark.usefixtures("restrained_worker")
def test_celery_with_a_worker_thread(led: Fake) -> None:
    app, task = celery_app()
    with start_worker(app, perform_ping_check=False, pool="solo"):
        assert_created(led, task.delay().get(timeout=30))
