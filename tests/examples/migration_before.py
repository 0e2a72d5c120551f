"""The test of a poster with stubs by hand: every answer is what its author believes the API to say."""

import json

import responses
from poster import API, make_poster


@responses.activate
def test_poster(monkeypatch):
    monkeypatch.setenv("LEONARDO_API_KEY", "key")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    picture = "https://cdn.leonardo.ai/users/1/generations/2/a.jpg"
    responses.post(f"{API}/generations", json={"sdGenerationJob": {"generationId": "2"}})
    for status, images in (("PENDING", []), ("COMPLETE", [{"url": picture}])):
        row = {"status": status, "generated_images": images}
        responses.get(f"{API}/generations/2", json={"generations_by_pk": row})
    responses.get(picture, body=b"\xff\xd8")
    assert make_poster("a lighthouse").startswith(b"\xff\xd8")
    assert json.loads(responses.calls[0].request.body)["prompt"] == "a lighthouse"
