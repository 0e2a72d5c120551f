"""Rules about generated images."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from leomock.state.journal import Exchange
from leomock.verdict.evidence import Evidence, answer_arrived
from leomock.verdict.registry import Seen, rule
from leomock.verdict.wording import count_noun, exchange_numbers

# --- images -------------------------------------------------------------------------------------------------


@rule(
    "ignored-nsfw",
    why="The API flags such pictures but delivers them anyway: leaving them out is up to the caller.",
    remedy="Check the nsfw field of each picture before using it.",
)
def ignored_nsfw(evidence: Evidence) -> Iterator[Seen]:
    """An image was downloaded after a read had reported it as nsfw.

    What cannot be seen: an image that is embedded by URL and fetched elsewhere, what a webhook said,
    and how the image was used. If you want such images, ignore this rule.
    """
    told: dict[str, Exchange] = {}
    downloaded: dict[int, tuple[Exchange, list[Exchange]]] = {}
    for exchange in evidence.exchanges:
        if exchange.channel == "api" and exchange.status == 200 and answer_arrived(exchange):
            for address in _flagged(exchange):
                told.setdefault(_picture(address), exchange)
        given = exchange.channel == "cdn" and exchange.method == "GET" and 200 <= exchange.status < 300
        if given and (teller := told.get(_picture(exchange.path))):
            downloaded.setdefault(teller.number, (teller, []))[1].append(exchange)
    for teller, downloads in downloaded.values():
        yield Seen(
            [teller, *downloads],
            f"{count_noun(len(downloads), 'download')} ({exchange_numbers(downloads)}) of what "
            f"{exchange_numbers([teller])} had "
            "flagged as nsfw.",
        )


def _flagged(exchange: Exchange) -> Iterator[str]:
    """Return the URLs of the images that an answer flags."""
    content = exchange.response_json
    if exchange.operation == "getGenerationById" and isinstance(content, dict):
        rows = [content.get("generations_by_pk")]
    elif exchange.operation == "getGenerationsByUserId" and isinstance(content, dict):
        rows = content.get("generations") or []
    else:
        return
    for row in rows:
        for image in (row or {}).get("generated_images") or ():
            if image.get("nsfw") is True and isinstance(image.get("url"), str):
                yield image["url"]


def _picture(address: str) -> str:
    """Return the part of a URL that identifies an image on any CDN host."""
    return unquote(urlsplit(address).path).rpartition("users/")[2]
