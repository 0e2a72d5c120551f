import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

import poster


@pytest.mark.parametrize("count", [1, 3, 5])
async def test_posters_side_by_side(leomock, count):
    urls = await poster.make_all([f"cat {number}" for number in range(count)])
    assert len(set(urls)) == count
    leomock.assert_called("createGeneration", times=count)


async def test_webhook_in_the_loop_of_the_test(leomock):
    events = []

    async def hook(request):
        events.append(await request.json())
        return Response()

    app = Starlette(routes=[Route("/hook", hook, methods=["POST"])])
    leomock.set_webhook("http://poster.example/hook", app=app)
    async with httpx.AsyncClient(headers=poster.HEADERS) as client:
        await client.post(f"{poster.API}/generations", json={"prompt": "a cat"})
    await leomock.aadvance_until_idle()
    assert [event["type"] for event in events] == ["image_generation.complete"]
