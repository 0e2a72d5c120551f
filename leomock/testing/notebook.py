"""The HTML view of an account in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from leomock.state.journal import Exchange

# A notebook is read on a screen; `requests` has the rest.
MOST_ROWS = 50


def journal_table(exchanges: Sequence[Exchange]) -> str:
    """Return the newest exchanges as an HTML table, with the number of older ones."""
    rows = [
        f"<tr><td>{each.number}</td><td>{escape(each.method)} {escape(each.path[:100])}</td>"
        f"<td>{escape(each.operation)}</td><td>{each.status}</td><td>{escape(each.explain[:200])}</td></tr>"
        for each in exchanges[-MOST_ROWS:]
    ]
    head = "<tr><th>#</th><th>call</th><th>operation</th><th>status</th><th>explanation</th></tr>"
    more = len(exchanges) - len(rows)
    caption = f"<caption>leomock: {len(exchanges)} exchanges{f', {more} not shown' if more else ''}</caption>"
    return f"<table>{caption}{head}{''.join(rows)}</table>"
