"""Write a file atomically: readers see the old content or the new one."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

# A file that is a mount point (as with `docker -v file:file`), or a folder that is not writable.
_NO_RENAME = frozenset((errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS))


def write_whole(path: Path, content: bytes | Iterable[bytes], mode: int = 0o600) -> None:
    """Write a file that, if new, only its owner may read. Raises OSError, and keeps the old content.

    `content` may come in parts, which are made while the file is written. `mode` sets other permissions, to
    which the umask applies.

    A symbolic link is followed. Where another file cannot take the place of this one, the file is written in
    place; a crash in that moment can leave it incomplete.
    """
    parts = (content,) if isinstance(content, bytes) else content
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.new")
    try:
        # A killed server may have left this file; its content is replaced.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    except OSError as error:
        if error.errno not in _NO_RENAME or not target.exists():
            raise
        _write_in_place(target, b"".join(parts))
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        try:
            beside.replace(target)
        except OSError as error:
            if error.errno not in _NO_RENAME:
                raise
            _write_in_place(target, beside.read_bytes())
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _write_in_place(target: Path, content: bytes) -> None:
    handle = os.open(target, os.O_WRONLY)
    with os.fdopen(handle, "wb") as file:
        if hasattr(os, "posix_fallocate") and content:
            # Fails on a full disk before overwriting anything; some file systems do not support it.
            try:
                os.posix_fallocate(file.fileno(), 0, len(content))
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
