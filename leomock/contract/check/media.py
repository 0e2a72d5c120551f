"""The files that a check uploads."""

from __future__ import annotations

import base64

# A grey JPEG of 64 by 64 pixels.
PICTURE = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWG"
    "kJ6jq62rZ4C8ybqmx5moq6T/wAALCABAAEABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAA"
    "AAAA/9oACAEBAAA/AKAAAAAAAAAAAAAAAAAAAAAP/9k="
)
# The smallest mesh: one triangle.
MESH = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
# The first box of an MP4 file, and an empty one for the frames.
VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x08mdat"
