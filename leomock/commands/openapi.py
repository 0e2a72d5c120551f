"""`leomock openapi`: the document."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--published", is_flag=True, help="Without leomock's corrections.")
def openapi(published: bool) -> None:
    """Print the OpenAPI document: the published facts with leomock's corrections laid over them."""
    import orjson

    from leomock.spec.compile import Spec

    spec = Spec()
    document = spec.document("https://cloud.leonardo.ai/api/rest/v1", published=published)
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
