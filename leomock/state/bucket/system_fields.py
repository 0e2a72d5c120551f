"""Fields of a form that S3 stores with the object and returns as headers, besides x-amz-meta-*."""

from __future__ import annotations

from xml.etree import ElementTree

from leomock.state.bucket.errors import Refusal
from leomock.state.bucket.form import Form

# Form fields that come back as headers of the object [AWS, "POST Object"].
_RETURNED = {
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
    "x-amz-website-redirect-location": "x-amz-website-redirect-location",
}
_STORAGE_CLASSES = frozenset(
    {
        *("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"),
        *("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "EXPRESS_ONEZONE", "OUTPOSTS", "SNOW"),
    }
)
MOST_TAGS = 10


def stored_headers(form: Form) -> dict[str, str]:
    """Return the headers that an object gets from the form. Raises Refusal for a bad class or bad tags."""
    headers = {header: form[name] for name, header in _RETURNED.items() if name in form}
    storage_class = form.get("x-amz-storage-class", "STANDARD")
    if storage_class not in _STORAGE_CLASSES:
        raise Refusal(
            400,
            "InvalidStorageClass",
            "The storage class you specified is not valid",
            f"x-amz-storage-class is {storage_class!r}; use one of {', '.join(sorted(_STORAGE_CLASSES))}.",
            (("StorageClassRequested", storage_class),),
        )
    if storage_class != "STANDARD":  # S3 returns every class except this one [AWS]
        headers["x-amz-storage-class"] = storage_class
    if "tagging" in form and (count := _count_tags(form["tagging"])):
        headers["x-amz-tagging-count"] = str(count)
    return headers


def _count_tags(text: str) -> int:
    """Return how many tags an XML text has. Raises Refusal for one that S3 does not accept."""
    malformed = Refusal(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
        "The field tagging must look like <Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet>"
        "</Tagging>.",
    )
    if "<!" in text:  # no entities, which could grow without bound
        raise malformed
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise malformed from None
    if _name(root) != "Tagging":
        return 0  # S3 accepts any other root, and stores no tags [LocalStack]
    sets = list(root)
    if [_name(each) for each in sets] != ["TagSet"]:
        raise malformed
    keys = []
    for tag in sets[0]:
        parts = {_name(part): part.text or "" for part in tag}
        if _name(tag) != "Tag" or set(parts) != {"Key", "Value"}:
            raise malformed
        keys.append(parts["Key"])
        if not 1 <= len(parts["Key"]) <= 128 or len(parts["Value"]) > 256:
            raise _invalid_tag("The TagKey or TagValue you have provided is invalid")
    if len(set(keys)) < len(keys):
        raise _invalid_tag("Cannot provide multiple Tags with the same key")
    if len(keys) > MOST_TAGS:
        raise Refusal(
            400,
            "BadRequest",
            f"Object tags cannot be greater than {MOST_TAGS}",
            f"The field tagging has {len(keys)} tags.",
        )
    return len(keys)


def _invalid_tag(message: str) -> Refusal:
    return Refusal(
        400, "InvalidTag", message, "Keys have 1 to 128 characters, values up to 256; keys differ."
    )


def _name(element: ElementTree.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]
