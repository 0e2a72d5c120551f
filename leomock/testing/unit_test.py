"""A mixin for `unittest`: every test gets an account of a fake, and a failed test shows its journal."""

from __future__ import annotations

import os
import unittest
from typing import TYPE_CHECKING, Any, ClassVar

from leomock.testing.fake import Fake
from leomock.testing.tenant import Tenant

_VARIABLES = ("LEONARDO_API_KEY", "LEONARDO_AI_API_KEY", "LEONARDO_BASE_URL")


class LeomockMixin:
    """Give each test its own account as `self.leomock`; list this class before `unittest.TestCase`.

    ::

        class PosterTest(LeomockMixin, unittest.TestCase):
            leomock_settings = {"jobs": "immediate"}

            def test_poster(self):
                make_poster("a cat")
                self.leomock.assert_called("createGeneration")

    All tests of the class share one fake. Calls for the real hosts go to the test's account, and the
    environment variables that programs read are set. `leomock_settings` are those of `leomock.Fake`. With
    `leomock_shared = True` the account is created in `setUpClass` and shared by all tests of the class.
    """

    leomock_settings: ClassVar[dict[str, Any]] = {}
    leomock_shared: ClassVar[bool] = False
    leomock: Tenant
    _fake: ClassVar[Fake]

    @classmethod
    def setUpClass(cls) -> None:
        """Start the fake for the class."""
        super().setUpClass()  # type: ignore[misc]  # of TestCase, which follows the mixin
        cls._fake = Fake(**cls.leomock_settings)
        cls._fake.open()
        cls.addClassCleanup(cls._fake.close)  # type: ignore[attr-defined]  # of TestCase
        if cls.leomock_shared:
            cls.leomock = cls._fake
            cls._use(cls.leomock, cls.addClassCleanup)  # type: ignore[attr-defined]  # of TestCase

    def setUp(self) -> None:
        """Create the account for a test."""
        super().setUp()  # type: ignore[misc]  # of TestCase
        if not self.leomock_shared:
            self.leomock = self._fake.new_tenant(self.id())  # type: ignore[attr-defined]  # of TestCase
            self._use(self.leomock, self.addCleanup)  # type: ignore[attr-defined]  # of TestCase

    if not TYPE_CHECKING:  # type checkers would accept every name

        def __getattr__(self, name: str) -> Any:
            """Explain an account that was never created."""
            if name != "leomock":
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise AttributeError(
                f"{type(self).__name__} has no leomock account: list LeomockMixin before TestCase, and "
                "let your own setUp and setUpClass call super()"
            )

    def _callTestMethod(self, method: Any) -> None:
        """Run the test; add the account's journal to a failure."""
        try:
            super()._callTestMethod(method)  # type: ignore[misc]  # of TestCase; it also awaits async tests
        except unittest.SkipTest:
            raise
        except Exception as error:
            if not hasattr(self, "leomock"):
                raise
            if story := self.leomock.story():
                error.add_note(f"leomock journal of {self.leomock.api_key[:4]}…\n{story}")
            if not (verdict := self.leomock.verdict()).clean:
                error.add_note(str(verdict))
            raise

    @staticmethod
    def _use(tenant: Tenant, cleanup: Any) -> None:
        values = (tenant.api_key, tenant.api_key, tenant.base_url)
        for name, value in zip(_VARIABLES, values, strict=True):
            before = os.environ.get(name)
            os.environ[name] = value
            cleanup(_restore, name, before)
        interceptor = tenant.intercept()
        interceptor.__enter__()
        cleanup(interceptor.__exit__, None, None, None)


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
