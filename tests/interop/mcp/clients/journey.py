"""The journey that each client makes: list the tools, draw an image, wait for it, read an id that is unknown.

A client runs with `http URL KEY` or `stdio COMMAND...`, and prints what it saw as one line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

CREATE, READ = "leonardo-ai-create-generation", "leonardo-ai-get-generation-by-id"
NOBODYS_ID = "6163f776-ad40-47fc-acd4-c04b22590ada"
TRANSPORT, *TARGET = sys.argv[1:]
IS_HTTP = TRANSPORT == "http"
# Returns the structured content of a result, or the text of a tool error.
Call = Callable[[str, dict[str, Any]], Awaitable[Any]]


async def journey(tools: Iterable[str], call: Call) -> None:
    """Make the journey and print it."""
    created = await call(CREATE, {"body": {"prompt": "a lighthouse", "num_images": 1}})
    id = created["sdGenerationJob"]["generationId"]
    row = (await call(READ, {"id": id, "wait": 60}))["generations_by_pk"]
    seen = {
        "tools": list(tools),
        "status": row["status"],
        "images": len(row["generated_images"]),
        "unknown": await call(READ, {"id": NOBODYS_ID}),
    }
    print(json.dumps(seen))
