"""Files of the synchronous endpoint: encoded in the requested format, with a signed URL."""

from __future__ import annotations

import hashlib
import hmac
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from leomock.leonardo.basis import Chosen, Documented, based_on
from leomock.operations.assets.resolver import render_cached
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media.variation import Drawable
    from leomock.state.bucket.storage import Bucket

# A stored file keeps the required query string of its URL under this name.
SIGNED_QUERY = "leomock-signed-query"
# Lifetime of a link to a synchronous result, in seconds (documented).
LINK_SECONDS = 30 * 60
MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


def cut_out_file(picture: Drawable, row: Row, owner: str) -> bytes:
    """Return the bytes of a cut-out, in the format and size that its row names."""
    size = (row["imageWidth"], row["imageHeight"])
    return _converted(render_cached(picture, owner), row["outputFormat"], size)


def cut_out_type(row: Row) -> str:
    """Return the media type of a cut-out."""
    return MEDIA_TYPES[row["outputFormat"]]


def _converted(png: bytes, format: str, size: tuple[int, int]) -> bytes:
    """Return a PNG in another format or size; JPEG is white where the PNG is transparent."""
    from PIL import Image

    opened = Image.open(io.BytesIO(png))
    if format == "png" and opened.size == size:
        return png
    image = opened.convert("RGBA").resize(size)
    if format == "jpg":
        ground = Image.new("RGB", size, "white")
        ground.paste(image, (0, 0), image)
        image = ground
    file = io.BytesIO()
    image.save(file, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[format])
    return file.getvalue()


class SignedLink(NamedTuple):
    """The only URL of a file, with what is needed to store the file there."""

    url: str
    key: str
    query: str
    expires: float

    def keep(self, bucket: Bucket, content: bytes, media_type: str) -> None:
        """Keep the file until the link expires."""
        bucket.keep(self.key, content, media_type, {SIGNED_QUERY: self.query}, expires=self.expires)


@based_on(
    Documented("guide Create Sync Generation: the URL is a presigned GET of 30 minutes"),
    Chosen("the key of the file and the form of the signature"),
)
def signed_link(world: World, cdn: str, row: Row) -> SignedLink:
    """Return the link to the file of a synchronous result, which works for 30 minutes."""
    now = world.clock.now()
    key = f"users/{world.user_id}/ephemeral/{row['id']}.{row['outputFormat']}"
    date = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    query = f"X-Amz-Date={date}&X-Amz-Expires={LINK_SECONDS}"
    secret = world.bucket.secret_access_key
    signature = hmac.new(secret.encode(), f"{key}?{query}".encode(), hashlib.sha256).hexdigest()
    query = f"{query}&X-Amz-Signature={signature}"
    return SignedLink(f"{cdn}/{key}?{query}", key, query, now + LINK_SECONDS)
