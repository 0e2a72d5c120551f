"""What a developer asks the fake itself."""

from __future__ import annotations

import boto3
import httpx
import pytest
from botocore.config import Config

from leomock import Fake, __version__
from tests.fixtures import client_of, generate


def test_health_answers(client: httpx.Client, fake: Fake) -> None:
    """Without a key."""
    del client.headers["authorization"]
    answer = client.get(f"{fake.url}/_leomock/health")
    assert answer.json() == {"status": "ok", "version": __version__, "operations": 53}


def test_openapi_is_the_effective_document(client: httpx.Client, fake: Fake) -> None:
    """Ready for generators; `?published=1` without our corrections."""
    effective = client.get(f"{fake.url}/_leomock/openapi.json").json()
    published = client.get(f"{fake.url}/_leomock/openapi.json?published=1").json()
    assert effective["servers"] == [{"url": fake.base_url, "description": "This fake."}]
    assert "400" in effective["paths"]["/generations"]["post"]["responses"]
    assert list(published["paths"]["/generations"]["post"]["responses"]) == ["200"]


def test_bucket_tells_its_credentials(client: httpx.Client, fake: Fake) -> None:
    """So that a test can sign any policy; the key names the world."""
    told = client.get(f"{fake.url}/_leomock/bucket").json()
    assert list(told) == ["bucket", "region", "accessKeyId", "secretAccessKey", "url"]
    assert told["url"] == f"{fake.url}/s3/{told['bucket']}/"
    with client_of(fake, "another") as another:
        assert another.get(f"{fake.url}/_leomock/bucket").json()["bucket"] != told["bucket"]


def test_bucket_needs_a_key(client: httpx.Client, fake: Fake) -> None:
    """401 as the API's own."""
    del client.headers["authorization"]
    answer = client.get(f"{fake.url}/_leomock/bucket")
    assert answer.status_code == 401
    assert answer.json()["code"] == "access-denied"


@pytest.mark.parametrize("tampered", [False, True])
def test_bucket_takes_what_boto3_signs(tampered: bool) -> None:
    """A policy signed with the told credentials is accepted, a tampered one is not."""
    fake = Fake()  # boto3 signs by the machine's time
    with client_of(fake) as client:
        told = client.get(f"{fake.url}/_leomock/bucket").json()
        signer = boto3.client(
            "s3",
            region_name=told["region"],
            aws_access_key_id=told["accessKeyId"],
            aws_secret_access_key=told["secretAccessKey"],
            config=Config(signature_version="s3v4"),
        )
        form = signer.generate_presigned_post(told["bucket"], "my/key.txt", ExpiresIn=60)
        if tampered:
            form["fields"]["key"] = "my/other.txt"
        del client.headers["authorization"]
        answer = client.post(told["url"], data=form["fields"], files={"file": b"content"})
        assert answer.status_code == (403 if tampered else 204)
        assert list(fake.world.bucket.objects) == ([] if tampered else ["my/key.txt"])
    fake.close()


def test_jobs_are_listed_and_finished() -> None:
    """`--jobs manual` over HTTP."""
    fake = Fake(jobs="manual", clock="frozen")
    with client_of(fake) as client:
        id = generate(client)
        assert client.get(f"{fake.url}/_leomock/jobs").json() == {"pending": [id]}
        assert client.post(f"{fake.url}/_leomock/jobs/{id}/finish").json() == {"finished": [id]}
        again = client.post(f"{fake.url}/_leomock/jobs/{id}/finish")
        assert again.status_code == 404
        assert again.json()["error"] == (
            f"leomock: no job is pending for {id}; GET /_leomock/jobs lists those that are"
        )
    fake.close()


def test_unknown_admin_address(client: httpx.Client, fake: Fake) -> None:
    """Says who speaks and what was asked."""
    answer = client.get(f"{fake.url}/_leomock/helth")
    assert answer.status_code == 404
    assert answer.json() == {"error": "leomock: 404 GET /_leomock/helth: nothing is here"}
