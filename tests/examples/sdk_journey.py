"""Upload an init image, generate from it, poll, download, list, delete: with the official SDK."""

from __future__ import annotations

import json
from io import BytesIO

import requests
from leonardo_ai_sdk import LeonardoAiSDK
from PIL import Image

from leomock import Fake

with Fake() as fake:
    client = LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url)

    # Upload: every field first, the file last, no API key.
    form = client.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
    picture = BytesIO()
    Image.new("RGB", (256, 256), "tomato").save(picture, "PNG")
    fields = json.loads(form.fields)
    upload = requests.post(form.url, data=fields, files={"file": picture.getvalue()}, timeout=5)
    assert upload.status_code == 204

    # Generate and poll.
    created = client.image.create_generation(
        request={"prompt": "a lighthouse at dusk", "init_image_id": form.id, "num_images": 2}
    )
    generation_id = created.object.sd_generation_job.generation_id
    while True:
        generation = client.image.get_generation_by_id(id=generation_id).object.generations_by_pk
        print(generation.status.value)
        if generation.status.value == "COMPLETE":
            break

    # Download, list, delete.
    for image in generation.generated_images:
        print(Image.open(BytesIO(requests.get(image.url, timeout=5).content)).size)
    listed = client.image.get_generations_by_user_id(user_id=fake.user_id).object.generations
    print(len(listed))
    deleted = client.image.delete_generation_by_id(id=generation_id)
    print(deleted.object.delete_generations_by_pk.id == generation_id)
