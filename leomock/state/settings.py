"""The settings of a fake, and their checks."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict, get_args
from urllib.parse import urlsplit

Auth = Literal["open", "strict", "real"]
LimitKind = Literal["none", "real"]
IdVersion = Literal["v4", "v6"]
ChunkedUploads = Literal["refuse", "accept"]
Unit = Literal["CREDITS", "DOLLARS"]
UnknownModels = Literal["refuse", "allow"]
WebhookForm = Literal["2026", "2023"]
WebhookHttp = Literal["allow", "refuse"]
Pace = Literal["seconds", "polls", "first", "immediate", "manual"]
# A polling client sees PENDING once; a client that waits, or gets the webhook, needs no second read.
DEFAULT_JOBS = "polls:1,seconds:10"

# The words for types in error messages.
_KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    tuple: "a list of texts",
}
_SIZES = (
    *("max_body", "max_upload", "max_stored", "max_stored_all", "max_head", "max_state"),
    *("journal_bytes", "journals_bytes"),
)
EXAMPLE_MODEL = "291be633-cb24-434f-898f-e662799936ad=My model"
# A scheme, a host and a port, as browsers send it: in lower case, without a trailing slash.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s]+")
# A name as it is in a Host header; addresses are always allowed.
_HOST = re.compile(r"[^\s/:@]+")
# Balances are sent as GraphQL's Int.
LARGEST_INT = 2**31 - 1


class SettingError(ValueError):
    """An invalid setting; the text says which values are valid."""


class JobCompletion(NamedTuple):
    """The rule by which a job gets from PENDING to its end: `amount` is its reads or seconds.

    `first` ends it after `amount` reads or `seconds` seconds, whichever comes first.
    """

    kind: Pace
    amount: float = 0
    seconds: float = 0

    @classmethod
    @lru_cache(maxsize=64)  # every world of a fake asks for the same one
    def parse(cls, text: str) -> JobCompletion:
        """Read `seconds:S`, `polls:N`, both separated by a comma, `immediate` or `manual`."""
        if "," in str(text):
            both = {part.kind: part.amount for part in map(cls.parse, str(text).split(",", 1))}
            if set(both) == {"polls", "seconds"}:
                return cls("first", both["polls"], both["seconds"])
        kind, colon, amount = str(text).partition(":")
        if kind == "seconds" and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", amount, re.ASCII):
            return cls("seconds", float(amount))
        if kind == "polls" and re.fullmatch(r"\d{1,9}", amount, re.ASCII):
            return cls("polls", int(amount))
        if kind in ("immediate", "manual") and not colon:
            return cls(kind)  # type: ignore[arg-type]  # narrowed by the line above
        raise SettingError(
            f"jobs={text!r}: use seconds:S (e.g. seconds:2), polls:N, polls:N,seconds:S, immediate or manual"
        )

    def __str__(self) -> str:
        if self.kind == "first":
            return f"polls:{self.amount:g},seconds:{self.seconds:g}"
        return f"{self.kind}:{self.amount:g}" if self.kind in ("seconds", "polls") else self.kind


# A day, in seconds.
LONGEST_TIMEOUT = 86_400


class SettingValues(TypedDict, total=False):
    """The settings by their names, for `**settings`; their meaning is in `Settings`."""

    seed: int
    auth: Auth
    api_keys: tuple[str, ...]
    jobs: str
    ids: IdVersion
    credits: int
    plan_credits: int
    unit: Unit
    limits: LimitKind
    public_url: str
    max_body: int
    max_upload: int
    webhook_url: str
    webhook_key: str
    webhook_timeout: float
    webhook_ca: str
    webhook_insecure: bool
    webhook_form: WebhookForm
    webhook_http: WebhookHttp
    chunked_uploads: ChunkedUploads
    max_head: int
    request_timeout: float
    max_state: int
    journal: int
    journal_bytes: int
    journals_bytes: int
    max_stored: int
    max_stored_all: int
    max_worlds: int
    max_rows: int
    admin_token: str
    allow_hosts: tuple[str, ...]
    cors: tuple[str, ...]
    explain: bool
    ui: bool
    as_of: str
    unknown_models: UnknownModels
    models: tuple[str, ...]
    catalogue: Any
    has: Any


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that stays the same while a fake runs.

    `auth` is `open` (any non-empty key is a tenant), `strict` (only `api_keys`) or `real` (like strict, and a
    key that is not a UUID gets the 500 of the authorization hook). `jobs` is a `JobCompletion` as text. `ids`
    is the UUID version of new generations. `credits` is the balance of every key at the start, `plan_credits`
    the credits added every month, `unit` the unit of prices. `limits` is `real` to enforce the documented
    rates, concurrency and queue. `public_url` replaces the address that the client used in the URLs of
    responses. `max_body`, `max_upload`, `max_head` (request line and headers) and `max_state` (a snapshot
    that is restored over HTTP) are in bytes. `request_timeout` is how many seconds a request may take to
    arrive. `chunked_uploads` is `accept` to accept upload forms without Content-Length, which S3 was seen to
    refuse. `admin_token` must accompany calls of the admin API without an API key; if it is empty, these are
    answered on loopback only. `webhook_url` and `webhook_key` are the initial webhook of every key; a
    receiver has `webhook_timeout` seconds to answer, and its certificate must be signed by a known authority
    or that in the PEM file `webhook_ca`; with `webhook_insecure`, any certificate will do. `webhook_form` is
    `2023` for the events of the documented sample instead of those that were captured since; with
    `webhook_http` set to `refuse`, a webhook must be an https URL, as the vendor requires. `journal` and
    `journal_bytes` limit the number and the bytes of exchanges kept per key, `journals_bytes` the bytes of
    all keys together, `max_stored` the bytes of files in the bucket of a key, `max_stored_all` those of all
    keys together, `max_worlds` the number of keys, and `max_rows` the rows (generations, uploads and all
    others) of all keys together. `allow_hosts` are additional host names under which `/_leomock/` may be
    called. `cors` are the origins whose pages may call API, CDN and bucket (`*` for all) and, if named, the
    admin API. With `explain`, the header `X-Leomock-Basis` of every response says how we know that it is
    real. `as_of` dates the service (YYYY-MM-DD): models that were retired later still work; empty: the newest
    facts. `models` are additional models as `ID=NAME`, and `catalogue` is the path of a file with additional
    models, elements, styles and blueprints, or its content as JSON. With `unknown_models` set to `allow`,
    every other well-formed model id is accepted as well. `has` is what accounts already have: the path of a
    file, or its content as JSON.
    """

    seed: int = 0
    auth: Auth = "open"
    api_keys: tuple[str, ...] = ()
    jobs: str = DEFAULT_JOBS
    ids: IdVersion = "v4"
    credits: int = 100_000_000
    plan_credits: int = 0
    unit: Unit = "CREDITS"
    limits: LimitKind = "none"
    public_url: str = ""
    max_body: int = 16 * 2**20
    max_upload: int = 25 * 2**20
    webhook_url: str = ""
    webhook_key: str = ""
    webhook_timeout: float = 5.0
    webhook_ca: str = ""
    webhook_insecure: bool = False
    webhook_form: WebhookForm = "2026"
    webhook_http: WebhookHttp = "allow"
    chunked_uploads: ChunkedUploads = "refuse"
    max_head: int = 64 * 1024
    request_timeout: float = 60.0
    max_state: int = 64 * 2**20
    journal: int = 1000
    journal_bytes: int = 16 * 2**20
    journals_bytes: int = 256 * 2**20
    max_stored: int = 256 * 2**20
    max_stored_all: int = 2**30
    max_worlds: int = 1000
    max_rows: int = 2_000_000
    admin_token: str = ""
    allow_hosts: tuple[str, ...] = ()
    cors: tuple[str, ...] = ()
    explain: bool = False
    ui: bool = True
    as_of: str = ""
    unknown_models: UnknownModels = "refuse"
    models: tuple[str, ...] = ()
    catalogue: str = ""
    has: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if kind in _KINDS and not _is_a(kind, value):
                raise SettingError(f"{field.name}={value!r:.100}: use {_KINDS[kind]}")
        JobCompletion.parse(self.jobs)
        if self.auth not in get_args(Auth):
            raise SettingError(f"auth={self.auth!r}: use open, strict or real")
        if self.ids not in get_args(IdVersion):
            raise SettingError(f"ids={self.ids!r}: use v4 or v6")
        if self.limits not in get_args(LimitKind):
            raise SettingError(f"limits={self.limits!r}: use none or real")
        if self.chunked_uploads not in get_args(ChunkedUploads):
            raise SettingError(f"chunked_uploads={self.chunked_uploads!r}: use refuse or accept")
        if self.auth != "open" and not any(self.api_keys):
            raise SettingError(f"auth={self.auth} needs at least one API key (--api-key KEY)")
        for key in self.api_keys:
            check_key(key, "api_keys", may_be_empty=False)
        # As the command takes it: a project's file of settings is for both.
        object.__setattr__(self, "unit", self.unit.upper())
        if self.unit not in get_args(Unit):
            raise SettingError(f"unit={self.unit!r}: use CREDITS or DOLLARS")
        if self.unknown_models not in get_args(UnknownModels):
            raise SettingError(f"unknown_models={self.unknown_models!r}: use refuse or allow")
        check_date(self.as_of)
        for text in self.models:
            if not all(part.strip() for part in text.partition("=")):
                raise SettingError(f"models={text!r:.100}: use ID=NAME, such as {EXAMPLE_MODEL}")
        for name in ("credits", "plan_credits"):
            if not 0 <= (credits := getattr(self, name)) <= LARGEST_INT:
                raise SettingError(f"{name}={credits}: use 0 to {LARGEST_INT}")
        if self.public_url:
            check_origin(self.public_url)
        for host in self.allow_hosts:
            if not _HOST.fullmatch(host):
                raise SettingError(
                    f"allow_hosts={host!r:.100}: use a host name such as leomock.test, without a port"
                )
        for origin in self.cors:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise SettingError(f"cors={origin[:100]!r}: use an origin (http://localhost:5173) or *")
        for name in _SIZES:
            if getattr(self, name) < 1:
                raise SettingError(f"{name}={getattr(self, name)}: use a size in bytes, at least 1")
        check_timeout("request_timeout", self.request_timeout)
        check_timeout("webhook_timeout", self.webhook_timeout)
        if self.webhook_ca:
            check_authority("webhook_ca", self.webhook_ca)
        check_key(self.webhook_key, "webhook_key")
        if self.webhook_form not in get_args(WebhookForm):
            raise SettingError(f"webhook_form={self.webhook_form!r}: use 2026 or 2023")
        if self.webhook_http not in get_args(WebhookHttp):
            raise SettingError(f"webhook_http={self.webhook_http!r}: use allow or refuse")
        if self.webhook_url:
            self.check_webhook(self.webhook_url, "webhook_url")
        if min(self.journal, self.max_worlds, self.max_rows) < 1:
            raise SettingError("journal, max_worlds and max_rows must be at least 1")

    def check_webhook(self, url: str, name: str) -> None:
        """Raise SettingError, which names the setting `name`, for a URL that webhooks cannot be sent to."""
        check_origin(url, name)
        if self.webhook_http == "refuse" and not url.lower().startswith("https:"):
            raise SettingError(
                f"{name}={url[:100]!r}: WebhookCallbackUrl is not a valid url (must be https://); "
                "webhook_http=allow accepts it"
            )

    @property
    def pace(self) -> JobCompletion:
        """The parsed `jobs`."""
        return JobCompletion.parse(self.jobs)


def _is_a(kind: type, value: object) -> bool:
    """True if a value has the type of a setting: Python counts True as an int, settings do not."""
    if isinstance(value, bool):
        return kind is bool
    if kind is tuple:
        return isinstance(value, tuple | list) and all(isinstance(item, str) for item in value)
    return isinstance(value, (int, float) if kind is float else kind)


def check_timeout(name: str, seconds: object) -> None:
    """Raise SettingError, which names the setting `name`, unless this is a number of seconds up to a day."""
    if not _is_a(float, seconds) or not 0 < seconds <= LONGEST_TIMEOUT:  # type: ignore[operator]  # a number
        raise SettingError(f"{name}={seconds!r:.100}: use seconds, above 0 to {LONGEST_TIMEOUT}")


def check_count(name: str, count: object) -> None:
    """Raise SettingError, which names the setting `name`, unless this is a whole number from 0."""
    if not _is_a(int, count) or count < 0:  # type: ignore[operator]  # a number
        raise SettingError(f"{name}={count!r:.100}: use a whole number, 0 or more")


def check_key(key: str, name: str, *, may_be_empty: bool = True) -> None:
    """Raise SettingError, which names the setting `name`, for a key that no header can carry."""
    if not (key.isascii() and key.isprintable() and (key.strip() or may_be_empty)):
        raise SettingError(f"{name}={key!r:.100}: use printable ASCII characters, as a header has them")


def check_authority(name: str, path: str | Path) -> None:
    """Raise SettingError, which names the setting `name`, unless a file has certificates in PEM."""
    import ssl

    if not Path(path).is_file():
        raise SettingError(f"{name}={str(path)!r:.200}: there is no such file")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:  # SSLError is one
        reason = "not a certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingError(f"{name}={str(path)!r:.200}: {reason}") from None


def check_date(text: str) -> str:
    """Return a date, or "". Raises SettingError for any other text."""
    try:
        fits = not text or date.fromisoformat(text).isoformat() == text
    except ValueError:
        fits = False
    if not fits:
        raise SettingError(f"as_of={text!r:.100}: use a date such as 2026-05-01")
    return text


def check_origin(url: str, name: str = "public_url") -> None:
    """Raise SettingError for a URL that is not an absolute HTTP address."""
    try:
        parts = urlsplit(url)
        fits = (
            url.isprintable()
            and " " not in url
            and parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
        )
    except ValueError:
        fits = False
    if not fits or (name == "public_url" and (parts.query or parts.fragment)):
        raise SettingError(f"{name}={url[:100]!r}: use a full address such as http://localhost:8090")
