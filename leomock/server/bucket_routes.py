"""The bucket over HTTP: S3's form upload and object reads, at `/{bucket}`."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from leomock.server.access_log import LOG_CONTEXT, LogContext
from leomock.server.api_routes import header_text
from leomock.server.breakage import connection_of
from leomock.server.ranges import failed_condition, stored_response
from leomock.state.bucket.errors import Refusal, missing_content_length, refusal_xml
from leomock.state.bucket.object_headers import metadata_headers, system_value
from leomock.state.bucket.objects import StoredObject
from leomock.state.bucket.storage import Bucket, Upload
from leomock.state.scenario import Scenario

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# Everything before the content counts, including boundaries; 20 kB are 20,480 bytes:
# https://github.com/waynehoover/s3_direct_upload/issues/45
LONGEST_PREAMBLE = 20_480
# S3's own limit for one upload. A rejected body is read to its end up to this size, so that a client which
# reads only after sending gets its response; a longer one is cut off.
LONGEST_BODY = 5 * 1024**3


def bucket_routes(
    find: Callable[[str], Bucket | None], requested: Callable[[str], Sequence[Scenario]] = lambda names: ()
) -> list[BaseRoute]:
    """Return the routes of all buckets.

    `find` returns the bucket with a name, or None; `requested` the scenarios of an X-Leomock-Scenario header.
    """

    async def take_form(request: Request, bucket: Bucket) -> Response:
        return await _take_form(request, bucket, requested(request.headers.get("x-leomock-scenario", "")))

    form = _Answers(find, {"POST": take_form})
    stored = _Answers(find, {"GET": _give_object, "HEAD": _give_object})
    return [
        Route("/{bucket}", form, name="bucket"),
        Route("/{bucket}/", form, name="bucket_root"),
        Route("/{bucket}/{key:path}", stored, name="object"),
    ]


class _Answers:
    """The handlers for each method at one path; an ASGI app, because it must answer any method."""

    def __init__(
        self,
        find: Callable[[str], Bucket | None],
        by_method: Mapping[str, Callable[[Request, Bucket], Awaitable[Response]]],
    ) -> None:
        self._find = find
        self._by_method = by_method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request.state.ids = _ids()
        try:
            response = await self._answer(request)
        except _Endless as refusal:
            response = _refused(request, refusal, {"Connection": "close"})
        except Refusal as refusal:
            scope.setdefault(LOG_CONTEXT, LogContext()).rules = refusal.rules
            response = _refused(request, refusal)
        except ClientDisconnect:
            response = _refused(request, _incomplete(connection_of(scope).late))
        response.headers.update(request.state.ids)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        bucket = self._find(request.path_params["bucket"])
        if bucket is None:
            await _read(request)
            raise _no_such_bucket(request.path_params["bucket"])
        answer = self._by_method.get(request.method)
        if answer is None:
            await _read(request)
            return _refused(request, _not_allowed(request), {"Allow": ", ".join(self._by_method)})
        return await answer(request, bucket)


# --- uploads ----------------------------------------------------------------------------------------------


class _Endless(Refusal):
    """The body is too long to be read to its end."""

    def __init__(self) -> None:
        super().__init__(
            400,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            "The body is longer than the 5 GiB that S3 takes at once.",
            (("MaxSizeAllowed", str(LONGEST_BODY)),),
        )


async def _take_form(request: Request, bucket: Bucket, scenarios: Sequence[Scenario]) -> Response:
    if "content-length" not in request.headers and not bucket.accepts_chunked:
        await _read(request)
        raise missing_content_length()
    form = _FormReader(request.headers, bucket, scenarios)
    await _read(request, form.write)
    upload = form.close()
    # A CRC takes about a second for 10 MB; other calls continue meanwhile.
    stored = (
        await run_in_threadpool(upload.close, _address(request))
        if upload.is_slow
        else upload.close(_address(request))
    )
    return Response(stored.body, stored.status, stored.headers)


def _address(request: Request) -> str:
    """Return the bucket's URL as the client called it; S3 begins Location with it."""
    path = f"{request.scope.get('root_path', '')}/{request.path_params['bucket']}"
    return f"{request.scope['scheme']}://{request.headers.get('host', 'localhost')}{quote(path)}"


async def _read(request: Request, take: Callable[[bytes], None] = lambda chunk: None) -> None:
    """Pass the body to `take`, chunk by chunk; raises `_Endless` if it exceeds the limit."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > LONGEST_BODY:
            raise _Endless
        take(chunk)


class _FormReader:
    """Read the form as it arrives: first the fields, then the content of the part named `file`.

    A refusal is stored in `refusal`, and the rest of the form is discarded.
    """

    def __init__(self, headers: Mapping[str, str], bucket: Bucket, scenarios: Sequence[Scenario]) -> None:
        self.refusal: Refusal | None = None
        self._scenarios = scenarios
        self._unreadable: Refusal | None = None
        self._bucket = bucket
        self._fields: list[tuple[str, str]] = []
        self._preamble = 0
        self._upload: Upload | None = None
        self._ended = False  # the part of the file, or the whole form if it has no file
        self._name = ""
        self._value = bytearray()
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header_name,
            "on_header_value": self._add_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_content,
            "on_part_end": self._end_part,
            "on_end": self._end_form,
        }
        try:
            self._boundary = _boundary(headers)
            self._parser = MultipartParser(self._boundary, callbacks)
        except Refusal as refusal:
            self.refusal = refusal
        except FormParserError:
            self.refusal = _malformed("its boundary is too long")

    def write(self, chunk: bytes) -> None:
        """Read the next bytes of the request."""
        if self.refusal is not None or self._ended:
            return
        try:
            self._parser.write(chunk)
        except Refusal as refusal:
            self.refusal = refusal
        except FormParserError:
            if not self._ended:  # Everything after the file is ignored, even if malformed.
                self.refusal = _malformed("its parts are not divided by the boundary of its Content-Type")

    def close(self) -> Upload:
        """Return the upload with its complete content; raises the `Refusal` if there was one."""
        if self.refusal is not None:
            raise self.refusal
        if not self._ended:
            raise _malformed("it ends before its last boundary")
        if self._upload is None:
            raise _no_file()
        return self._upload

    def _begin_part(self) -> None:
        self._disposition = b""
        self._value.clear()
        self._count(len(self._boundary) + 4)  # the two hyphens and the line end after it

    def _add_header_name(self, chunk: bytes, start: int, end: int) -> None:
        self._header_name += chunk[start:end]
        self._count(end - start)

    def _add_header_value(self, chunk: bytes, start: int, end: int) -> None:
        self._header_value += chunk[start:end]
        self._count(end - start)

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        kind, parameters = parse_options_header(self._disposition.decode("latin-1"))
        if b"name" not in parameters:
            raise _malformed("a part has no name in its Content-Disposition")
        self._name = _text(parameters[b"name"])
        # A part of another kind is ignored, regardless of its name: https://stackoverflow.com/q/18541652
        if kind == b"form-data" and self._name.lower() == "file":
            if self._unreadable is not None:
                raise self._unreadable
            filename = parameters.get(b"filename")
            name = None if filename is None else _text(filename)
            self._upload = self._bucket.open(self._fields, name, self._scenarios)

    def _add_content(self, chunk: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._upload.write(chunk[start:end])
            return
        self._count(end - start)
        self._value += chunk[start:end]

    def _end_part(self) -> None:
        if self._upload is None:
            self._fields.append((self._name, self._text_of_field()))
            return
        self._ended = True
        self._parser.callbacks = {}  # "Any fields below it are ignored"

    def _text_of_field(self) -> str:
        """Return the field that was just read; an unreadable field is refused when the file comes."""
        try:
            return _text(self._value)
        except Refusal as refusal:
            if not self._name.lower().startswith("x-ignore-"):
                self._unreadable = refusal
            return ""

    def _end_form(self) -> None:
        self._ended = True

    def _count(self, size: int) -> None:
        self._preamble += size
        if self._preamble > LONGEST_PREAMBLE and self._upload is None:
            raise _long_preamble()


def _boundary(headers: Mapping[str, str]) -> bytes:
    """Return the boundary of the form's parts; raises `Refusal` if this cannot be a form."""
    if "authorization" in headers:
        # Real S3 has a different text for two kinds of credentials at once. Chosen: the advice of Leonardo's
        # error page for this frequent mistake, "403 Forbidden when uploading": remove your API key header.
        raise Refusal(
            403,
            "AccessDenied",
            "Access Denied",
            "The request has an Authorization header. The upload goes to S3, which does not know your API"
            " key: send it without that header; the form's own fields are the permission.",
        )
    kind, parameters = parse_options_header(headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise Refusal(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
            "The body must be a multipart/form-data form: with requests, pass the fields as data= and the"
            " content as files={'file': ...}; with fetch, send a FormData and no Content-Type header.",
            (("Condition", "Bucket POST must be of the enclosure-type multipart/form-data"),),
        )
    if not parameters.get(b"boundary"):
        raise _malformed("its Content-Type names no boundary; let your HTTP library write that header")
    return parameters[b"boundary"]


def _text(value: bytes | bytearray) -> str:
    """Decode form data as text: "The form and policy must be UTF-8 encoded" (AWS)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _malformed("a field is not UTF-8 (the picture goes in a part named 'file')") from None


# --- objects ----------------------------------------------------------------------------------------------


async def _give_object(request: Request, bucket: Bucket) -> Response:
    stored = bucket.objects.get(request.path_params["key"])
    if stored is None:
        # Not 404: S3 reports missing objects only to callers who may list the bucket.
        raise Refusal(
            403,
            "AccessDenied",
            "Access Denied",
            f"The bucket {bucket.name} has no object of this key; S3 says so only to those who may list it.",
        )
    response = object_response(request, stored)
    if response.status_code < 300:
        response.headers["x-amz-server-side-encryption"] = "AES256"  # [LocalStack]
    return response


def object_response(request: Request, stored: StoredObject) -> Response:
    """Return an object as its client requests it, for the bucket and the CDN."""
    system = {name: system_value(value) for name, value in stored.headers.items()}
    headers = {**system, **metadata_headers(stored.metadata)}
    response = stored_response(
        request, stored.body, system_value(stored.content_type), stored.etag, headers, stored.modified
    )
    if response.status_code == 412:
        return precondition_failed(request, stored.etag, stored.modified)
    if response.status_code != 416:
        return response
    refusal = Refusal(
        416,
        "InvalidRange",
        "The requested range is not satisfiable",
        f"The object has {len(stored.body)} bytes.",
        (("RangeRequested", request.headers["range"]), ("ActualObjectSize", str(len(stored.body)))),
    )
    return _refused(request, refusal, {"Content-Range": response.headers["content-range"]})


def precondition_failed(request: Request, etag: str, modified: float | None) -> Response:
    """Return S3's response to a condition that does not hold."""
    condition = failed_condition(request.headers, etag, modified)
    refusal = Refusal(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        f"{condition} does not hold: the object's ETag is {etag}.",
        (("Condition", condition),),
    )
    return _refused(request, refusal)


# --- refusals ---------------------------------------------------------------------------------------------


def _refused(request: Request, refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    ids = getattr(request.state, "ids", None) or _ids()
    body = refusal_xml(refusal, *ids.values())
    return Response(
        b"" if request.method == "HEAD" else body,
        refusal.status,
        {"X-Leomock-Explain": header_text(refusal.explain).decode(), **(headers or {})},
        "application/xml",
    )


def _ids() -> dict[str, str]:
    """Return the two ids that S3 adds to each response: RequestId and HostId."""
    host_id = base64.b64encode(secrets.token_bytes(56)).decode()
    return {"x-amz-request-id": secrets.token_hex(8).upper(), "x-amz-id-2": host_id}


def _no_such_bucket(name: str) -> Refusal:
    return Refusal(
        404,
        "NoSuchBucket",
        "The specified bucket does not exist",
        f"There is no bucket {name} here. Send the form to the url that came with it.",
        (("BucketName", name),),
    )


def _not_allowed(request: Request) -> Refusal:
    return Refusal(
        405,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
        "Send a form with POST to the bucket's own address, and read an object with GET.",
        (
            ("Method", request.method),
            ("ResourceType", "OBJECT" if "key" in request.path_params else "BUCKET"),
        ),
    )


def _malformed(wrong: str) -> Refusal:
    return Refusal(
        400,
        "MalformedPOSTRequest",
        "The body of your POST request is not well-formed multipart/form-data.",
        f"The form cannot be read: {wrong}.",
    )


def _no_file() -> Refusal:
    # ArgumentValue is the number of files: https://github.com/boto/boto3/issues/934
    return Refusal(
        400,
        "InvalidArgument",
        "POST requires exactly one file upload per request.",
        "No part of the form is named file. Send the content as the last part, under that name.",
        (("ArgumentName", "file"), ("ArgumentValue", "0")),
    )


def _long_preamble() -> Refusal:
    return Refusal(
        400,
        "MaxPostPreDataLengthExceeded",
        "Your POST request fields preceeding the upload file was too large.",  # The spelling is S3's.
        "What stood before the part named file is longer than 20 kB. Is the content in a part of another"
        " name? It must be named file.",
        (("MaxPostPreDataLengthBytes", str(LONGEST_PREAMBLE)),),
    )


def _incomplete(late: str) -> Refusal:
    """Return the refusal of a body without an end. Nobody gets it; the journal and the log do."""
    if late:
        return Refusal(
            408,
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the timeout period. "
            "Idle connections will be closed.",
            f"{late[0].upper()}{late[1:]}.",
        )
    return Refusal(
        400,
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
        "The connection was closed before the body was complete.",
    )
