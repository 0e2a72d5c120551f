"""Read an upload policy and check a form against it."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from leomock.state.bucket.errors import AS_GIVEN, access_denied, bad_policy, condition_failed
from leomock.state.bucket.form import Form

# The only fields that need no condition, besides x-ignore-* [AWS]; two belong to signature version 2.
_UNCOVERED = frozenset({"x-amz-signature", "file", "policy", "awsaccesskeyid", "signature"})
_EXPIRATION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
_SIZE = re.compile(r"[0-9]{1,19}")


# --- the policy -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Match:
    """A condition on a field: that it equals a value, or starts with it."""

    operator: str
    target: str
    value: str
    written: str

    @property
    def name(self) -> str:
        return self.target.removeprefix("$").lower()

    def check(self, form: Form) -> None:
        """Check a form against the policy at a time (seconds since 1970). Raises Refusal."""
        # A target without "$" fails for every form [LocalStack], and so does a field that is not
        # there, even with an empty prefix: https://github.com/waynehoover/s3_direct_upload/issues/29
        if not self.target.startswith("$") or self.name not in form or not self._holds(form[self.name]):
            raise condition_failed(self.written, self._why(form))

    def _holds(self, value: str) -> bool:
        if self.operator == "eq":
            return value == self.value
        # "Content-Types values for a starts-with condition that include commas are interpreted as lists. Each
        # value in the list must meet the condition" [AWS]
        values = re.split(r",\s*", value) if self.name == "content-type" else [value]
        return all(each.startswith(self.value) for each in values)

    def _why(self, form: Form) -> str:
        if not self.target.startswith("$"):
            return f"The policy writes the field {self.target} without a $ before it."
        if self.name == "bucket":
            return f"The form is not for the bucket {form['bucket']}. Send it to the url that came with it."
        if self.name not in form:
            return f"The policy asks for a field {self.name}, and none stood before the file. {AS_GIVEN}"
        must = "be" if self.operator == "eq" else "start with"
        sent = f"The field {form.spelling[self.name]} must {must} {self.value!r}, not {form[self.name]!r}."
        if self.name == "content-type":
            return f"{sent} It is a field of the form; the type that the file part names does not count."
        return f"{sent} {AS_GIVEN}"


@dataclass(frozen=True, slots=True)
class _Range:
    """The condition on the content's size, with inclusive bounds; checked once the content has arrived."""

    smallest: int
    largest: int

    def check(self, form: Form) -> None:
        """Hold for every form."""


@dataclass(frozen=True, slots=True)
class _UnreadableRange:
    """A range with non-numeric bounds, which S3 reports as a failed condition [LocalStack]."""

    written: str

    def check(self, form: Form) -> None:
        """Hold for no form."""
        raise condition_failed(self.written, "The bounds of content-length-range must be whole numbers.")


_Condition = _Match | _Range | _UnreadableRange


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was parsed successfully."""

    expiration: datetime
    conditions: tuple[_Condition, ...]

    def check(self, form: Form, now: float) -> None:
        """Check a form against the policy at a time (seconds since 1970). Raises Refusal."""
        # "not valid after" its expiration [AWS]: at that very instant it still is.
        late = now - self.expiration.timestamp()
        if late > 0:
            raise access_denied(
                "Invalid according to Policy: Policy expired.",
                f"The form expired {math.ceil(late)} s ago by the mock's clock; Leonardo's are valid for two"
                " minutes. Ask the API for a new one.",
            )
        for condition in self.conditions:
            condition.check(form)
        self._check_covered(form)

    def _check_covered(self, form: Form) -> None:
        """Refuse a field that no condition names [AWS].

        S3 reports one name, spelled as in the form (https://stackoverflow.com/q/54014351). It is unknown
        which of several S3 reports; the fake reports the first one sent.
        """
        covered = {condition.name for condition in self.conditions if isinstance(condition, _Match)}
        for name, spelling in form.spelling.items():
            if name not in covered | _UNCOVERED and not name.startswith("x-ignore-"):
                raise access_denied(
                    f"Invalid according to Policy: Extra input fields: {spelling}",
                    f"No condition of the policy covers the field {spelling}. Send only the fields that the"
                    " API gave (S3 lets pass others named x-ignore-...), and the content as file.",
                )

    def sizes(self, most: int) -> tuple[int, int]:
        """Return the minimum and maximum size that all ranges and `most` allow."""
        ranges = [condition for condition in self.conditions if isinstance(condition, _Range)]
        return max((0, *(each.smallest for each in ranges))), min((most, *(each.largest for each in ranges)))


def read_policy(encoded: str) -> Policy:
    """Parse the policy's base64 text. Raises `Refusal` InvalidPolicyDocument if it is invalid.

    Names of the document's members are case-sensitive, operators and fields are not (Ceph's s3-tests).
    """
    document = _read_document(encoded)
    for name in document:
        if name not in ("expiration", "conditions"):
            # In lower case, and checked before missing members: https://stackoverflow.com/q/31169349
            raise bad_policy(f"Unexpected: '{name.lower()}'")
    # Chosen: the texts for missing members and for values that are not lists are [versitygw]'s.
    if "expiration" not in document:
        raise bad_policy("Policy missing expiration.")
    if "conditions" not in document:
        raise bad_policy("Policy missing conditions.")
    if not isinstance(document["conditions"], list):
        raise bad_policy("Invalid 'conditions' value: must be a List.")
    expiration = _read_expiration(document["expiration"])
    return Policy(expiration, tuple(map(_read_condition, document["conditions"])))


def _read_document(encoded: str) -> dict[str, Any]:
    if not encoded:
        raise bad_policy("Expecting '{' but found End-of-Input")  # [versitygw]
    try:
        # Chosen: strict, so no line breaks; it is unknown whether S3 allows them. The text is [versitygw]'s.
        text = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise bad_policy("invalid Base64 encoding.") from None
    try:
        document = json.loads(
            text.decode(), parse_int=_read_whole_number, parse_float=_no_number, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        raise bad_policy("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise bad_policy("Invalid JSON.")
    return document


def _read_whole_number(text: str) -> int:
    if text.startswith("-"):
        # S3's parser reports a minus sign in this way: https://stackoverflow.com/q/73624713
        raise bad_policy("Token - must be enclosed in quotes.")
    return int(text)


def _no_number(text: str) -> NoReturn:
    """Refuse a fraction, as S3 does: https://repost.aws/questions/QUo27u4OYpTA-XvAWr72xeRg"""
    raise ValueError(text)


def _read_expiration(value: object) -> datetime:
    """Return the instant, which must be in UTC: https://github.com/dwilkie/carrierwave_direct/pull/189"""
    if not isinstance(value, str):
        raise bad_policy("Invalid JSON.")  # Chosen, as for other values that must be strings.
    try:
        if _EXPIRATION.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass  # The day or hour does not exist.
    raise bad_policy(f"Invalid 'expiration' value: '{value}'")


def _read_condition(condition: object) -> _Condition:
    """Read `{field: value}` or `[operator, ...]`; the texts without a source are [versitygw]'s."""
    if isinstance(condition, dict):
        return _read_simple(condition)
    if not isinstance(condition, list):
        raise bad_policy("Invalid condition test: must be a List or Object.")
    if not condition:
        # Recorded at https://stackoverflow.com/q/43431505
        raise bad_policy("Invalid Condition: missing operation identifier.")
    if not all(isinstance(part, str | int) for part in condition):
        raise bad_policy("Invalid JSON.")
    operator = str(condition[0])
    if operator.lower() not in ("eq", "starts-with", "content-length-range"):
        raise bad_policy(f"Invalid Condition: unknown operation '{operator}'.")
    if len(condition) != 3:
        raise bad_policy(f"Invalid {operator}: wrong number of arguments.")
    written = json.dumps(condition, ensure_ascii=False)
    if operator.lower() == "content-length-range":
        return _read_range(condition[1], condition[2], written)
    if not all(isinstance(part, str) for part in condition):
        raise bad_policy("Invalid JSON.")
    return _Match(operator.lower(), condition[1], condition[2], written)


def _read_simple(condition: dict[str, Any]) -> _Match:
    if len(condition) != 1:
        # [LocalStack]
        raise bad_policy(
            "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
        )
    [(name, value)] = condition.items()
    if value is None:
        raise bad_policy("Invalid JSON.")  # https://github.com/dwilkie/carrierwave_direct/issues/230
    if not isinstance(value, str):
        # Recorded at https://github.com/toniopelo/modbox/issues/10
        raise bad_policy("Invalid Simple-Condition: value must be a string.")
    # S3 reports it in this form: https://github.com/boto/boto3/issues/4514
    written = json.dumps(["eq", f"${name}", value], ensure_ascii=False)
    return _Match("eq", f"${name}", value, written)


def _read_range(smallest: str | int, largest: str | int, written: str) -> _Range | _UnreadableRange:
    """Read the bounds, which may be numbers or digits in a string [LocalStack]."""
    if _SIZE.fullmatch(str(smallest)) and _SIZE.fullmatch(str(largest)):
        return _Range(int(smallest), int(largest))
    return _UnreadableRange(written)
