"""The wheel, in an empty environment away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

JOURNEY = """
import httpx, leomock
from pathlib import Path
with leomock.Fake() as fake:
    headers = {"authorization": f"Bearer {fake.api_key}"}
    with httpx.Client(base_url=fake.base_url, headers=headers) as client:
        id = client.post("/generations", json={"prompt": "a"}).json()["sdGenerationJob"]["generationId"]
        client.get(f"/generations/{id}")
        row = client.get(f"/generations/{id}").json()["generations_by_pk"]
        picture = client.get(row["generated_images"][0]["url"])
        print(row["status"], picture.headers["content-type"], leomock.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_carries_documents_and_scenarios(wheel: Path) -> None:
    """And the marker of a typed package, and nothing of the tests."""
    names = zipfile.ZipFile(wheel).namelist()
    specs = {path.name for path in (ROOT / "specs").glob("*.json")}
    assert {f"leomock/specs/{name}" for name in specs} <= set(names)
    assert any(name.startswith("leomock/scenarios/") for name in names)
    assert "leomock/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"leomock"}


def test_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Create, poll, download: with only what the wheel asks for."""
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    done = subprocess.run([python, "-I", "-c", JOURNEY], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    status, kind, file = done.stdout.split()
    assert (status, kind) == ("COMPLETE", "image/jpeg")
    assert Path(file).is_relative_to(environment)
