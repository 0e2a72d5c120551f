"""A product that sells posters. It knows nothing of leomock."""

import asyncio
import os
import time

import httpx
import requests

API = "https://cloud.leonardo.ai/api/rest/v1"
PAYMENTS = "https://payments.example/charges"
# Read at import, as settings often are: no test can change it.
KEY = os.environ.get("POSTER_LEONARDO_KEY", "key-from-the-settings")
HEADERS = {"authorization": f"Bearer {KEY}"}


class PosterError(Exception):
    """A poster that could not be made."""


def submit(prompt, **options):
    answer = httpx.post(
        f"{API}/generations", json={"prompt": prompt, "num_images": 1, **options}, headers=HEADERS
    )
    if answer.status_code != 200:
        raise PosterError(answer.json()["error"])
    return answer.json()["sdGenerationJob"]["generationId"]


def read(id):
    return requests.get(f"{API}/generations/{id}", headers=HEADERS).json()["generations_by_pk"]


def make(prompt, timeout=60, pause=3, **options):
    id = submit(prompt, **options)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        row = read(id)
        if row["status"] == "COMPLETE":
            return [image["url"] for image in row["generated_images"]]
        if row["status"] == "FAILED":
            raise PosterError("the job failed")
        time.sleep(pause)
    raise PosterError(f"not done after {timeout} s")


def sell(prompt, amount):
    charge = httpx.post(PAYMENTS, json={"amount": amount})
    if charge.status_code != 201:
        raise PosterError("not paid")
    return make(prompt, pause=0.01)


async def make_all(prompts):
    async with httpx.AsyncClient(headers=HEADERS) as client:

        async def one(prompt):
            made = await client.post(f"{API}/generations", json={"prompt": prompt, "num_images": 1})
            id = made.json()["sdGenerationJob"]["generationId"]
            while True:
                row = (await client.get(f"{API}/generations/{id}")).json()["generations_by_pk"]
                if row["status"] == "COMPLETE":
                    return row["generated_images"][0]["url"]
                await asyncio.sleep(0.01)

        return await asyncio.gather(*map(one, prompts))
