"""An event for every generation that ends."""


def test_event_of_a_generation(leomock, leomock_client, leomock_webhooks):
    leomock_client.post("/generations", json={"prompt": "a lighthouse"})
    leomock.finish()
    leomock.advance_until_idle()
    [event] = leomock_webhooks.wait_for(type="image_generation.complete")
    assert event.body["data"]["object"]["status"] == "COMPLETE"
