"""The fields of an upload form, as the client sent them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from leomock.state.bucket.errors import AS_GIVEN, Refusal, invalid_argument

LONGEST_KEY = 1024  # bytes of UTF-8 [AWS]


class Form:
    """The fields before the file; names are case-insensitive [AWS]."""

    def __init__(self, fields: Iterable[tuple[str, str]], filename: str | None) -> None:
        self.values: dict[str, str] = {}
        self.spelling: dict[str, str] = {}
        for name, value in fields:
            value = _with_filename(value, filename)
            lower = name.lower()
            self.spelling.setdefault(lower, name)
            # "If you have multiple fields with the same name, the values must be separated by commas" [AWS]
            self.values[lower] = f"{self.values[lower]},{value}" if lower in self.values else value

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.values

    def __getitem__(self, name: str) -> str:
        return self.values[name.lower()]

    def get(self, name: str, default: str) -> str:
        """Return the value of a field, or `default` if the form lacks it."""
        return self.values.get(name, default)

    def put(self, name: str, value: str) -> None:
        """Set a field."""
        self.values[name] = value
        self.spelling.setdefault(name, name)

    def starting_with(self, prefix: str) -> dict[str, str]:
        """Return the fields whose names start with a prefix."""
        return {name: value for name, value in self.values.items() if name.startswith(prefix)}

    def require(self, name: str) -> None:
        """Refuse a form without this field [LocalStack]; fields after the file do not count."""
        if name not in self:
            raise invalid_argument(
                # The two spaces are S3's.
                f"Bucket POST must contain a field named '{name}'.  "
                "If it is specified, please check the order of the fields.",
                name,
                "",
                self._why_missing(name),
            )

    def _why_missing(self, name: str) -> str:
        if "fields" in self or any(key.startswith("{") for key in self.values):
            return (
                "The form carries `fields` as one JSON text. Parse it (json.loads, JSON.parse) and send each"
                " of its entries as a form field of its own, then the file."
            )
        if not self.values:
            return (
                "No field stood before the file, and those after it are ignored. Send all the fields first,"
                " and the part named file last."
            )
        return f"No field {name} stood before the file, and those after it are ignored. {AS_GIVEN}"


def _with_filename(value: str, filename: str | None) -> str:
    """Insert the file's name, without its folders [AWS], into a value.

    If a part has no filename, `${filename}` stays unchanged [LocalStack], although the documentation says
    that it becomes empty.
    """
    return value if filename is None else value.replace("${filename}", re.split(r"[/\\]", filename)[-1])


def checked_key(key: str) -> str:
    """Return the object key. Raises Refusal if S3 would not accept it."""
    if not key:
        raise invalid_argument(
            "User key must have a length greater than 0.",
            "key",
            "",
            f"The field key is empty, or became so because the file has no name. {AS_GIVEN}",
        )
    size = len(key.encode())
    if size > LONGEST_KEY:
        raise Refusal(
            400,
            "KeyTooLongError",
            "Your key is too long",
            f"The key has {size} bytes of UTF-8, and S3 stores keys of up to {LONGEST_KEY}.",
            (("Size", str(size)), ("MaxSizeAllowed", str(LONGEST_KEY))),
        )
    return key
