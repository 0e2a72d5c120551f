"""Turns interception on and off."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from leomock.testing.interception import targets
from leomock.testing.interception.patching import Patches
from leomock.testing.interception.targets import Links, Target

if TYPE_CHECKING:
    from leomock.testing.host import Host

_patches = Patches()
_switching = threading.Lock()
_opening = threading.Lock()
# The ports that interceptors opened, by fake.
_opened: WeakKeyDictionary[Host, str] = WeakKeyDictionary()


def intercept(fake: Host) -> AbstractContextManager[Interceptor]:
    """Send this program's calls for the real hosts to a fake inside `with`.

    Hosts are those of `leomock.leonardo.hosts.REAL_HOSTS`; `leomock.testing.interception` says what is
    covered. The innermost `with` wins, in all threads, whichever entered it. A fake that
    listens on no port does so from the first call to the end.
    """
    return Interceptor(fake)


class Interceptor:
    """Interception for one fake: a context manager, or `start` and `stop`."""

    def __init__(self, fake: Host) -> None:
        self.fake = fake
        self.links = Links()
        self._active = False

    def __enter__(self) -> Interceptor:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def active(self) -> bool:
        """Whether it was started and not stopped."""
        return self._active

    def start(self) -> None:
        """Send calls to the fake from now on; raises RuntimeError if it does already."""
        with _switching:
            if self._active:
                raise RuntimeError("leomock: this interceptor was started already")
            self._active = True
            targets.add(self)
        # Not under a lock: it may wait for a library that another thread is importing.
        _patches.install()
        with _switching:
            if not targets.routes():
                _patches.remove()  # Another thread has stopped it meanwhile.

    def stop(self) -> None:
        """Leave calls to whom they were left before; does nothing the second time.

        Calls that other threads are making are answered by the fake as long as it answers.
        """
        with _switching:
            if not self._active:
                return
            self._active = False
            left = targets.remove(self)
            if not left:
                _patches.remove()
        self.links.close()
        if not any(isinstance(other, Interceptor) and other.fake is self.fake for other in left):
            self._close_port()

    def target(self, prefix: str) -> Target:
        """Where the fake answers; it is made to listen if it does not."""
        parts = urlsplit(self._url())
        assert parts.hostname
        return Target(parts.hostname, parts.port or 80, prefix, self.links)

    def _url(self) -> str:
        if self._listens():
            return self.fake.url
        with _opening:
            if not self._listens():
                self.fake.open()
                _opened[self.fake] = self.fake.url
            return self.fake.url

    def _listens(self) -> bool:
        # Without one its URL has a host that nobody can call, and no port.
        return urlsplit(self.fake.url).port is not None

    def _close_port(self) -> None:
        with _opening:
            opened = _opened.pop(self.fake, None)
            # It may be a port that somebody else opened since.
            if opened is not None and opened == self.fake.url:
                self.fake.close()
