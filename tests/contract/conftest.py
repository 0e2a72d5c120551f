"""One suite, several backends: `pytest tests/contract --backend=fake|server|real`."""

from __future__ import annotations

import os

import pytest

from leomock import Fake

REAL = "https://cloud.leonardo.ai/api/rest/v1"

_serving: list[Fake] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which server the schema's calls go to."""
    parser.addoption(
        "--backend",
        default="fake",
        choices=["fake", "server", "real"],
        help="tests/contract: a fake in this process, one on a port, or the real service (LEONARDO_API_KEY)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Tell `leomock.contract.schema` where its calls go, before it is loaded."""
    os.environ.pop("LEONARDO_BASE_URL", None)
    match config.getoption("backend", default="fake"):
        case "server":
            fake = Fake(auth="strict").__enter__()
            _serving.append(fake)
            os.environ |= {"LEONARDO_BASE_URL": fake.base_url, "LEONARDO_API_KEY": fake.api_key}
        case "real":
            if not os.environ.get("LEONARDO_API_KEY"):
                raise pytest.UsageError("--backend=real calls the real service: it needs LEONARDO_API_KEY")
            os.environ["LEONARDO_BASE_URL"] = REAL


def pytest_unconfigure() -> None:
    """Stop what was started."""
    while _serving:
        _serving.pop().close()
