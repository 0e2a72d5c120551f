"""A product that makes posters; it hard-codes the real host."""

import os
import time

import requests

API = "https://cloud.leonardo.ai/api/rest/v1"


class NoPoster(Exception):
    """There will be no poster; the text says why."""


def make_poster(prompt):
    """Generate a picture, wait until it is there, and return its bytes."""
    headers = {"authorization": f"Bearer {os.environ['LEONARDO_API_KEY']}"}
    body = {"prompt": prompt, "num_images": 1}
    answer = requests.post(f"{API}/generations", json=body, headers=headers, timeout=30)
    if answer.status_code != 200:
        raise NoPoster(answer.json()["error"])
    address = f"{API}/generations/{answer.json()['sdGenerationJob']['generationId']}"
    while True:
        generation = requests.get(address, headers=headers, timeout=30).json()["generations_by_pk"]
        if generation["status"] == "COMPLETE":
            return requests.get(generation["generated_images"][0]["url"], timeout=30).content
        if generation["status"] == "FAILED":
            raise NoPoster("the generation failed")
        time.sleep(5)
