"""The mixin for unittest."""

from __future__ import annotations

import io
import os
import unittest

import httpx

from leomock.testing.unit_test import LeomockMixin

URL = "https://cloud.leonardo.ai/api/rest/v1/generations"


def create() -> int:
    key = os.environ.get("LEONARDO_API_KEY", "none")
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(URL, json={"prompt": "a cat"}, headers=headers).status_code


def run(case: type[unittest.TestCase]) -> tuple[unittest.TestResult, str]:
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    output = io.StringIO()
    return unittest.TextTestRunner(stream=output).run(suite), output.getvalue()


def test_each_test_has_an_account() -> None:
    """The variables are set, calls for the real host arrive, and all is put back."""

    class Case(LeomockMixin, unittest.TestCase):
        def test_one(self) -> None:
            assert create() == 200
            self.leomock.assert_called("createGeneration", times=1)

        def test_two(self) -> None:
            assert create() == 200
            self.leomock.assert_called("createGeneration", times=1)

    result, output = run(Case)
    assert (result.testsRun, result.wasSuccessful()) == (2, True), output
    assert "LEONARDO_API_KEY" not in os.environ


def test_shared_account_serves_the_class() -> None:
    """It is made once."""

    class Case(LeomockMixin, unittest.TestCase):
        leomock_shared = True

        def test_one(self) -> None:
            create()

        def test_two(self) -> None:
            create()
            self.leomock.assert_called("createGeneration", times=2)

    result, output = run(Case)
    assert result.wasSuccessful(), output


def test_failure_shows_journal_and_verdict() -> None:
    """As notes of the error, where unittest shows them."""

    class Case(LeomockMixin, unittest.TestCase):
        def test_one(self) -> None:
            create()
            self.fail("as it should")

    result, output = run(Case)
    assert len(result.failures) == 1
    assert "leomock journal of" in output
    assert "POST /api/rest/v1/generations createGeneration 200" in output


def test_skipped_test_stays_skipped() -> None:
    """Without a journal."""

    class Case(LeomockMixin, unittest.TestCase):
        def test_one(self) -> None:
            self.skipTest("not here")

    result, _ = run(Case)
    assert len(result.skipped) == 1


def test_async_test_is_awaited() -> None:
    """A failure in it is a failure, with the journal."""

    class Case(LeomockMixin, unittest.IsolatedAsyncioTestCase):
        async def test_passes(self) -> None:
            async with httpx.AsyncClient() as client:
                headers = {"authorization": f"Bearer {self.leomock.api_key}"}
                assert (await client.post(URL, json={"prompt": "a cat"}, headers=headers)).status_code == 200
            self.leomock.assert_called("createGeneration", times=1)

        async def test_fails(self) -> None:
            create()
            self.fail("as it should")

    result, output = run(Case)
    assert (result.testsRun, len(result.failures), len(result.errors)) == (2, 1, 0), output
    assert "leomock journal of" in output


def test_account_that_was_never_created_is_explained() -> None:
    """A setUp that does not call super(), and a mixin after TestCase."""

    class Forgets(LeomockMixin, unittest.TestCase):
        def setUp(self) -> None:
            pass

        def test_one(self) -> None:
            self.leomock.story()

    class After(unittest.TestCase, LeomockMixin):
        def test_one(self) -> None:
            self.leomock.story()

    for case in (Forgets, After):
        result, output = run(case)
        assert len(result.errors) == 1
        assert output.count("AttributeError: ") == 1
        assert (
            f"AttributeError: {case.__name__} has no leomock account: list LeomockMixin before TestCase, and "
            "let your own setUp and setUpClass call super()\n"
        ) in output
