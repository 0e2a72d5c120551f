"""Read the bodies that a recording keeps in files of their own."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias
from zipfile import BadZipFile, ZipFile

from leomock.files.recordings.model import LONGEST_BODY

# Returns the bytes of a file by its name in the recording. Raises ValueError if there is no such file.
SideFiles: TypeAlias = Callable[[str], bytes]


def in_folder(folder: Path) -> SideFiles:
    """Return a reader of the files in a folder; files elsewhere are not read."""
    return partial(_from_folder, folder)


def in_archive(archive: ZipFile) -> SideFiles:
    """Return a reader of the files in a ZIP archive."""
    return partial(_from_archive, archive)


def _from_folder(folder: Path, name: str) -> bytes:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"the file {name[:100]!r} is not beside the recording")
    try:
        _ensure_fits(name, path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise _cannot_be_read(name, error.strerror) from None


def _from_archive(archive: ZipFile, name: str) -> bytes:
    try:
        member = archive.getinfo(name)
    except KeyError:
        raise _cannot_be_read(name, "the archive has no such file") from None
    _ensure_fits(name, member.file_size)
    try:
        return archive.read(member)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        # A damaged, encrypted or unusually compressed file.
        raise _cannot_be_read(name, error) from None


def _ensure_fits(name: str, size: int) -> None:
    if size > LONGEST_BODY:
        raise ValueError(f"the file {name[:100]!r} has more than {LONGEST_BODY} bytes")


def _cannot_be_read(name: str, why: object) -> ValueError:
    return ValueError(f"the file {name[:100]!r} cannot be read: {why}")
