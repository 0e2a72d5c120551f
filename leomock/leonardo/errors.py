"""Every error that the API itself returns, each with its basis and source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from leomock.leonardo.basis import BasisKind, Chosen, Inferred, based_on

LONGEST_SHOWN = 60


def shown(value: object) -> str:
    """Return a value as JSON for an error text, shortened if it is long."""
    try:
        text = json.dumps(value)
    except (RecursionError, TypeError, ValueError):
        return f"a {type(value).__name__} that is too deep to show"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


class ApiError(Exception):
    """An error in the real service's words, with one sentence of ours that explains it.

    `status`, `code`, `path` and `text` are what the client sees in `{"error", "path", "code"}`; `explain` is
    sent in the header `X-Leomock-Explain` and written to the log line. `details` belong to templates with
    extensions.
    """

    def __init__(
        self,
        wording: ErrorTemplate,
        text: str,
        path: str = "$",
        explain: str = "",
        headers: dict[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(text)
        self.wording = wording
        self.status = wording.status
        self.text = text
        self.path = path
        self.explain = explain
        self.headers = headers or {}
        self.details = details

    @property
    def body(self) -> dict[str, str] | list[dict[str, object]]:
        """Return the body, with the key order seen on the wire."""
        if self.wording.extensions is None:
            return {"error": self.text, "path": self.path, "code": self.wording.code}
        extensions = {"code": self.wording.code, **self.wording.extensions}
        if self.details is not None:
            extensions["details"] = self.details
        path = self.path.split(".") if self.path else []
        if not self.wording.has_locations:
            return [{"extensions": extensions, "message": self.text, "path": path}]
        return [{"extensions": extensions, "locations": [], "message": self.text, "path": path}]


class ErrorTemplate(NamedTuple):
    """One kind of error: status, code and text as a client sees them, and the basis.

    With `extensions` it comes from a service behind the engine: such errors are sent as a list of GraphQL
    errors on HTTP 200 (documented for blueprints, observed for v2).
    """

    status: int
    code: str
    text: str
    basis: BasisKind
    source: str
    extensions: Mapping[str, object] | None = None
    has_locations: bool = True

    def __call__(
        self, *, path: str = "$", explain: str = "", headers: dict[str, str] | None = None, **values: object
    ) -> ApiError:
        """Create the error; `values` fill the placeholders of the text."""
        return ApiError(self, self.text.format(**values), path, explain, headers)


# --- before any operation is known -------------------------------------------------------------

UNAUTHORIZED = ErrorTemplate(
    401,
    "access-denied",
    "Authentication hook unauthorized this request",
    "documented",
    "error messages page of docs.leonardo.ai; also captured live",
)
HOOK_DOWN = ErrorTemplate(
    500,
    "unexpected",
    "Invalid response from authorization hook",
    "documented",
    "error messages page of docs.leonardo.ai (key that is not a UUID); the status was observed",
)
NO_ENDPOINT = ErrorTemplate(404, "not-found", "Endpoint not found", "inferred", "Hasura's REST endpoints")
# A retired operation: one that was seen to be gone, and one that the vendor says is refused.
ENDPOINT_GONE = ErrorTemplate(
    404, "not-found", "Endpoint not found", "observed", "a public program on 2026-05-23"
)
RETIRED_OPERATION = ErrorTemplate(
    400,
    "unexpected",
    "{name} is not supported within the Production API.",
    "chosen",
    "page Deprecations & Changes of docs.leonardo.ai: requests return an error; its text is not known",
)
WRONG_METHOD = ErrorTemplate(
    405, "method-not-allowed", "Allowed methods: {methods}", "inferred", "Hasura's REST endpoints"
)
TOO_LARGE = ErrorTemplate(
    413, "unexpected", "request body is larger than {limit} bytes", "chosen", "the real limit is unknown"
)
TOO_MANY_ROWS = ErrorTemplate(
    413,
    "unexpected",
    "leomock: {limit} rows are kept already",
    "chosen",
    "the real service has no such limit",
)
UNKNOWN_SCENARIO = ErrorTemplate(
    400, "bad-request", "leomock: {text}", "chosen", "the real service knows no scenarios"
)

# --- reading the variables of a call -------------------------------------------------------------

UNEXPECTED_VARIABLE = ErrorTemplate(
    400, "bad-request", "Unexpected variable {name}", "documented", "error messages page of docs.leonardo.ai"
)
LIST_IN_QUERY = ErrorTemplate(
    400,
    "bad-request",
    "List variables are not currently supported in URL or Query parameters. "
    '(Variable {name}, with value "{value}")',
    "inferred",
    "Hasura's REST endpoints",
)
MISSING_VARIABLE = ErrorTemplate(
    400,
    "validation-failed",
    'expecting a value for non-nullable variable: "{name}"',
    "documented",
    "error messages page of docs.leonardo.ai",
)
BODY_NOT_AN_OBJECT = ErrorTemplate(
    400,
    "validation-failed",
    "expected a JSON object as the request body",
    "chosen",
    "the document allows an object only; Hasura's REST endpoints may read any other body as no variables",
)
NULL_VARIABLE = ErrorTemplate(
    400,
    "validation-failed",
    'null value found for non-nullable type: "{type}!"',
    "inferred",
    "Hasura's GraphQL variables",
)
WRONG_TYPE = ErrorTemplate(
    400,
    "validation-failed",
    "expected {expected} for type '{type}', but found {found}",
    "documented",
    "error messages page of docs.leonardo.ai shows it for a Boolean; the other types follow Hasura's parser",
)
NOT_IN_ENUM = ErrorTemplate(
    400,
    "validation-failed",
    "expected one of the values [{values}] for type '{type}', but found '{found}'",
    "inferred",
    "Hasura's parser",
)
NOT_AN_INT = ErrorTemplate(
    400,
    "parse-failed",
    "The value {value} lies outside the bounds or is not an integer. "
    "Maybe it is a float, or is there integer overflow?",
    "inferred",
    "Hasura's parser",
)
FLOAT_OVERFLOW = ErrorTemplate(
    400,
    "parse-failed",
    "The value {value} lies outside the bounds. Is it overflowing the float bounds?",
    "inferred",
    "Hasura's parser",
)
ILLEGAL_KEY = ErrorTemplate(
    400,
    "validation-failed",
    'variable value contains object with key "{name}", which is not a legal GraphQL name',
    "inferred",
    "Hasura's parser",
)
MISSING_FIELD = ErrorTemplate(
    400, "validation-failed", "missing required field '{name}'", "inferred", "Hasura's parser"
)
UNKNOWN_FIELD = ErrorTemplate(
    400, "validation-failed", "field '{name}' not found in type: '{type}'", "inferred", "Hasura's parser"
)
NOT_A_UUID = ErrorTemplate(
    400,
    "data-exception",
    'invalid input syntax for type uuid: "{value}"',
    "inferred",
    "PostgreSQL's text, as Hasura passes it on",
)
OUT_OF_LIMITS = ErrorTemplate(
    400,
    "unexpected",
    "{rule}",
    "chosen",
    "modelled on the observed 'height must be between 32 and 1536'",
)

NEGATIVE_PROMPT_TOO_LONG = ErrorTemplate(
    400,
    "unexpected",
    "Invalid negative_prompt, maximum length of 1000 characters exceeded",
    "observed",
    "a response to POST /generations; whether it ends with a full stop is not known",
)
NOT_A_SIDE_OF_MODEL = ErrorTemplate(
    400,
    "unexpected",
    "This model requires a {name} of {sides}",
    "observed",
    "a public program quotes it and reads the list out of it; its status and code are inferred",
)
NOT_PHOENIX = ErrorTemplate(
    400,
    "unexpected",
    "Phoenix request requires sd_version to be PHOENIX.",
    "observed",
    "an answer to POST /generations with a Phoenix model and another sd_version",
)

# --- rules of the operations ------------------------------------------------------------------------

PAGE = "error messages page of docs.leonardo.ai; the status is inferred"

INVALID_INIT_IMAGE = ErrorTemplate(400, "unexpected", "invalid init image id", "documented", PAGE)
NO_ACCESS_TO_IMAGE = ErrorTemplate(400, "unexpected", "couldn't access image", "documented", PAGE)
NO_INIT_VARIATION = ErrorTemplate(400, "unexpected", "failed to find init variation", "documented", PAGE)
NOT_ONE_IMAGE = ErrorTemplate(
    400,
    "unexpected",
    "exactly one of {names} must be given",
    "inferred",
    "each is described as the id of the single image to work on; the text is chosen",
)
TOO_MANY_IMAGES = ErrorTemplate(
    400, "unexpected", "Too many images", "documented", "heading of the error messages page; body not shown"
)
UNSUPPORTED_MODEL = ErrorTemplate(
    400,
    "unexpected",
    "{model} is not supported within the Production API. Please try again with a different model ID.",
    "documented",
    PAGE,
)
RETIRED_VIDEO_MODEL = ErrorTemplate(
    400,
    "unexpected",
    "{model} is not supported within the Production API. Please try again with a different model ID.",
    "inferred",
    "page Deprecations & Changes of docs.leonardo.ai: requests return an error; these words are documented "
    "for models that are not allowed",
)
INTERNAL = ErrorTemplate(
    400,
    "unexpected",
    "internal error",
    "observed",
    "an issue of the official Python SDK (modelId that is not an id); the status is chosen",
)
RULE_BROKEN = ErrorTemplate(
    400,
    "unexpected",
    "{rule}",
    "chosen",
    "the rule is documented in the parameter's description, the text of the refusal is not known",
)

NO_DATASET = ErrorTemplate(
    400, "unexpected", "invalid dataset id", "chosen", "modelled on the documented 'invalid init image id'"
)
NO_ELEMENT = ErrorTemplate(
    400,
    "unexpected",
    "invalid user element id",
    "chosen",
    "modelled on the documented 'invalid init image id'",
)
NO_MODEL_ASSET = ErrorTemplate(
    400,
    "unexpected",
    "invalid model asset id",
    "chosen",
    "modelled on the documented 'invalid init image id'",
)
NO_MOTION_SOURCE = ErrorTemplate(
    400,
    "unexpected",
    "Service Error",
    "documented",
    "error messages page of docs.leonardo.ai: motion from a generation's id, not an image's; the status is "
    "inferred",
)
NO_VIDEO = ErrorTemplate(
    400, "unexpected", "invalid source generation id", "chosen", "modelled on 'invalid init image id'"
)

BLUEPRINTS = "examples of the published blueprints document"

NO_BLUEPRINT = ErrorTemplate(
    200,
    "NOT_FOUND",
    "Blueprint not found",
    "documented",
    BLUEPRINTS,
    {"errorCode": 0, "statusCode": 404},
)
NO_BLUEPRINT_EXECUTION = ErrorTemplate(
    200,
    "NOT_FOUND",
    "Blueprint execution not found",
    "documented",
    BLUEPRINTS,
    {"errorCode": 0, "statusCode": 404},
)
BAD_BLUEPRINT_REQUEST = ErrorTemplate(
    200,
    "BadRequestException",
    "An error occurred.",
    "documented",
    BLUEPRINTS,
    {"details": {"message": "Bad request. Please check your input.", "statusCode": 400}},
)

INVALID_PARAMETERS = ErrorTemplate(
    200,
    "BadRequestException",
    "An error occurred.",
    "observed",
    "a response of v2 captured in 2026; of the messages in its details, only 'must be one of' was seen; the "
    "others are chosen",
    {"details": {}, "statusCode": 400},
)


@based_on(
    Chosen(
        "with several errors, the overall message is their messages joined, since only an error with one "
        "message was captured"
    )
)
def invalid(messages: Sequence[str], explain: str) -> ApiError:
    """Return the error for an invalid version 2 call, with a message for each problem."""
    code = "VALIDATION_ERROR"
    errors = [{"code": code, "message": message} for message in messages]
    details = {"code": code, "errors": errors, "message": ", ".join(messages)}
    return ApiError(INVALID_PARAMETERS, INVALID_PARAMETERS.text, "", explain, details=details)


INSUFFICIENT_TOKENS = ErrorTemplate(
    200,
    "HttpException",
    "Insufficient tokens",
    "observed",
    "POST /v2/generations without credits, in two independent programs",
    {"details": "An error occurred processing your request.", "statusCode": 402},
    has_locations=False,
)


# --- limits ---------------------------------------------------------------------------------------------

RATE_LIMITED = ErrorTemplate(
    429, "unexpected", "rate limit exceeded", "chosen", "the limits are documented, the answer is not known"
)
QUEUE_FULL = ErrorTemplate(
    429, "unexpected", "too many pending jobs", "chosen", "the limits are documented, the answer is not known"
)

# --- what a scenario names ------------------------------------------------------------------------------

# `{user_id}` stays in the text until a scenario applies: only then is the caller known.
OUT_OF_CREDITS = ErrorTemplate(
    400,
    "unexpected",
    "not enough api tokens userId: {user_id}",
    "observed",
    "POST /generations without credits; three clients show the status",
)
MODERATED = ErrorTemplate(
    403,
    "unexpected",
    "Your prompt appears to contain inappropriate content, please be mindful of our Terms of Service. "
    "You may modify your prompt and try again.",
    "documented",
    "error messages page of docs.leonardo.ai, sample 1 under its 403 heading",
)
MODERATED_WORD = ErrorTemplate(
    403,
    "unexpected",
    "content moderation filter: naked",
    "documented",
    "error messages page of docs.leonardo.ai, sample 2 under its 403 heading; the NSFW guide says 400",
)
MODERATED_400 = ErrorTemplate(
    400,
    "unexpected",
    "content moderation filter: nude",
    "documented",
    "NSFW guide of docs.leonardo.ai; the error messages page says 403",
)
MODERATED_NO_WORD = ErrorTemplate(
    400,
    "unexpected",
    "content moderation filter",
    "observed",
    "an answer to POST /generations in a public report; no word of the prompt is named",
)
ACCOUNT_BLOCKED = ErrorTemplate(
    403,
    "unexpected",
    "User is blocked",
    "observed",
    "the text, in a client of the web application; the status and the form are chosen",
)
ACCOUNT_SUSPENDED = ErrorTemplate(
    403,
    "unexpected",
    "You are suspended for violating our user agreement.",
    "observed",
    "the text, in a client of the web application; the status and the form are chosen",
)
TOO_MANY_CONCURRENT = ErrorTemplate(
    400,
    "unexpected",
    "You have reached the maximum number of concurrent {model} requests ({limit}). "
    "Please wait for your current generations to finish.",
    "observed",
    "a client of the web application, where the text is cut off after 'current gene': the rest is chosen",
)
SERVICE_ERROR = ErrorTemplate(
    500,
    "unexpected",
    "Service Error",
    "documented",
    "error messages page of docs.leonardo.ai; the status is chosen, so that clients try again",
)

# `then: {error: NAME}` of a scenario.
NAMED = {
    "account_blocked": ACCOUNT_BLOCKED,
    "account_suspended": ACCOUNT_SUSPENDED,
    "concurrency": TOO_MANY_CONCURRENT,
    "hook_down": HOOK_DOWN,
    "internal_error": INTERNAL,
    "moderated": MODERATED,
    "moderated_400": MODERATED_400,
    "moderated_no_word": MODERATED_NO_WORD,
    "moderated_word": MODERATED_WORD,
    "out_of_credits": OUT_OF_CREDITS,
    "queue_full": QUEUE_FULL,
    "rate_limited": RATE_LIMITED,
    "service_error": SERVICE_ERROR,
    "unauthorized": UNAUTHORIZED,
}

# --- operations of another service behind the engine ---------------------------------------------------

# By intended status.
_FROM_BEHIND = (
    *(OUT_OF_CREDITS, MODERATED, MODERATED_WORD, MODERATED_400, MODERATED_NO_WORD),
    *(ACCOUNT_BLOCKED, ACCOUNT_SUSPENDED),
)
_RELAYED = {400: "BadRequestException", 403: "ForbiddenException"}


@based_on(
    Inferred("the form was captured for other refusals of these operations"),
    Chosen("the names of the codes, but for BadRequestException"),
)
def relayed(error: ApiError, *, version_2: bool) -> ApiError:
    """Return an error in the form for documents with a list of GraphQL errors on HTTP 200.

    The service behind the engine rejects for credits, moderation, concurrency and blocked accounts. Errors
    about keys, types and rates come from the engine or the gateway, and stay unchanged.
    """
    wording = error.wording
    if wording is OUT_OF_CREDITS and version_2:
        return ApiError(INSUFFICIENT_TOKENS, INSUFFICIENT_TOKENS.text, "", error.explain, error.headers)
    if wording is TOO_MANY_CONCURRENT:
        listed_error = invalid([error.text], error.explain)
        listed_error.headers = error.headers
        return listed_error
    if wording not in _FROM_BEHIND:
        return error
    extensions = {"details": {}, "statusCode": wording.status}
    source = f"{wording.source}; as a list on HTTP 200, like other errors of this operation"
    listed = ErrorTemplate(
        200, _RELAYED[wording.status], INVALID_PARAMETERS.text, "inferred", source, extensions
    )
    details = {"message": error.text, "statusCode": wording.status}
    return ApiError(listed, listed.text, "", error.explain, error.headers, details)
