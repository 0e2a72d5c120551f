"""Redirect the processes that a program starts to the fake: their environment names a gateway.

The gateway opens when the first process is started, so a program that starts none has no overhead. Processes
are started by `subprocess` (and through it asyncio, trio and most libraries), by `multiprocessing` and by
`os`. A forked child keeps this process's patches and needs no gateway until it starts another program.
"""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any

from leomock.leonardo.hosts import REAL_DOMAIN
from leomock.testing.interception.http_client import Replacement
from leomock.testing.interception.routing import Children, current

if TYPE_CHECKING:
    from leomock.testing.child_processes.gateway import Gateway, Running


class LazyGateway:
    """A gateway of a fake that opens when it is first needed."""

    def __init__(self, fake: Running) -> None:
        self._fake = fake
        self._gateway: Gateway | None = None
        self._opening = threading.Lock()
        self._process = os.getpid()

    def open(self) -> None:
        """Open the ports on the first call; raises RuntimeError in a forked child."""
        with self._opening:
            if self._gateway is None:
                if os.getpid() != self._process:
                    raise RuntimeError("leomock: a forked child cannot redirect other programs to the fake")
                from leomock.testing.child_processes.gateway import Gateway

                with led_by_nobody():
                    self._gateway = Gateway(self._fake, closed_domain=REAL_DOMAIN).__enter__()

    def environment(self, before: Mapping[str, str]) -> dict[str, str]:
        """Return a complete environment that leads to the fake; leave one that already does unchanged."""
        self.open()
        assert self._gateway
        if before.get("LEOMOCK_GATEWAY") == self._gateway.name:
            return dict(before)
        return self._gateway.environment(before)

    def close(self) -> None:
        """Close the ports, if they are open."""
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            gateway.__exit__(None, None, None)


_unled = threading.local()


@contextmanager
def led_by_nobody() -> Iterator[None]:
    """Leave the environment of processes that this thread starts unchanged inside `with`."""
    before = getattr(_unled, "here", False)
    _unled.here = True
    try:
        yield
    finally:
        _unled.here = before


def _children() -> Children | None:
    route = current()
    return None if route is None or getattr(_unled, "here", False) else route.children


def _led(environment: Any) -> Any:
    """Return a child's environment: directed to the fake, or unchanged if no fake intercepts children."""
    children = _children()
    if children is None:
        return environment
    given = os.environ if environment is None else environment
    return children.environment({os.fsdecode(name): os.fsdecode(value) for name, value in given.items()})


# --- where processes are started ----------------------------------------------------------------------


def subprocess(module: ModuleType) -> Iterator[Replacement]:
    """Patch Popen, which every function of `subprocess` uses to start a process."""
    yield module.Popen, "__init__", _with_environment("env")


def asyncio_package(module: ModuleType) -> Iterator[Replacement]:
    """Redirect the processes of uvloop, which does not use Popen; `subprocess` covers asyncio's own Popen."""
    for owner in (module, module.subprocess):
        for name in ("create_subprocess_exec", "create_subprocess_shell"):
            yield owner, name, _with_keyword


def multiprocessing_util(module: ModuleType) -> Iterator[Replacement]:
    """Set the environment of this process, which spawned workers and `multiprocessing` servers inherit."""
    yield module, "spawnv_passfds", _inheriting


def processes_of_os(module: ModuleType) -> Iterator[Replacement]:
    """Patch the functions of `os` that start processes."""
    for name in ("system", "execv", "spawnv", "spawnvp"):
        if hasattr(module, name):
            yield module, name, _inheriting
    for name, position in (
        ("execve", 2),
        ("posix_spawn", 2),
        ("posix_spawnp", 2),
        ("spawnve", 3),
        ("spawnvpe", 3),
    ):
        if hasattr(module, name):
            yield module, name, _with_position(position)
    for name in ("fork", "forkpty"):
        if hasattr(module, name):
            yield module, name, _forking


def _with_environment(name: str) -> Callable[[Any], Any]:
    def replacement(original: Any) -> Any:
        signature = inspect.signature(original)

        @wraps(original)
        def start(*args: Any, **kwargs: Any) -> Any:
            if _children() is None:
                return original(*args, **kwargs)
            given = signature.bind(*args, **kwargs)
            given.arguments[name] = _led(given.arguments.get(name))
            return original(*given.args, **given.kwargs)

        return start

    return replacement


def _with_keyword(original: Any) -> Any:
    @wraps(original)
    async def start(*args: Any, **kwargs: Any) -> Any:
        if _children() is not None:
            kwargs["env"] = _led(kwargs.get("env"))
        return await original(*args, **kwargs)

    return start


def _with_position(position: int) -> Callable[[Any], Any]:
    def replacement(original: Any) -> Any:
        @wraps(original)
        def start(*args: Any, **kwargs: Any) -> Any:
            if "env" in kwargs:
                kwargs["env"] = _led(kwargs["env"])
            elif len(args) > position:
                args = (*args[:position], _led(args[position]), *args[position + 1 :])
            return original(*args, **kwargs)

        return start

    return replacement


def _inheriting(original: Any) -> Any:
    @wraps(original)
    def start(*args: Any, **kwargs: Any) -> Any:
        if _children() is None:
            return original(*args, **kwargs)
        before = dict(os.environ)
        led = {name: value for name, value in _led(None).items() if before.get(name) != value}
        os.environ.update(led)
        try:
            return original(*args, **kwargs)
        finally:
            for name in led:
                if name in before:
                    os.environ[name] = before[name]
                else:
                    del os.environ[name]

    return start


def _forking(original: Any) -> Any:
    @wraps(original)
    def fork() -> Any:
        children = _children()
        if children is not None:
            children.open()  # Programs that the child starts need it, and the child cannot open it.
        return original()

    return fork
