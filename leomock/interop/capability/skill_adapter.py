"""Serve the adapter that offers a file's skills: their catalogue, their files, and each as a zip file.

Paths and answers are those of the framework's own engine (1.0.0-beta4).
"""

from __future__ import annotations

import io
import mimetypes
import zipfile
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from leomock.interop.capability.model import Adapter, Skill

_CONTENTS = "/skills/{name}/contents"


class SkillCatalogue:
    """Answer calls to a skill adapter."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._skills = {skill.name: skill for skill in adapter.skills}

    @property
    def routes(self) -> list[Route]:
        """The paths of the adapter."""
        return [
            Route("/", self._about),
            Route("/skills", self._catalogue),
            Route("/skills/{name}", self._detail),
            Route("/skills/{name}/download", self._download),
            Route(_CONTENTS, self._contents),
            Route(f"{_CONTENTS}/{{file:path}}", self._file),
        ]

    async def _about(self, request: Request) -> Response:
        return JSONResponse(
            {
                "name": self._adapter.namespace,
                **({"description": self._adapter.description} if self._adapter.description else {}),
                "skills": "/skills",
            }
        )

    async def _catalogue(self, request: Request) -> Response:
        rows = [
            {
                "name": skill.name,
                **{key: skill.front[key] for key in ("description", "license") if key in skill.front},
                "tools": [tool["name"] for tool in skill.tools],
            }
            for skill in self._skills.values()
        ]
        return JSONResponse({"count": len(rows), "skills": rows})

    async def _detail(self, request: Request) -> Response:
        skill = self._skill(request)
        return JSONResponse({"name": skill.name, **skill.front, "tools": skill.tools})

    async def _download(self, request: Request) -> Response:
        folder = self._folder(self._skill(request))
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in _files(folder):
                archive.write(path, path.relative_to(folder).as_posix())
        return Response(content.getvalue(), media_type="application/zip")

    async def _contents(self, request: Request) -> Response:
        skill = self._skill(request)
        folder = self._folder(skill)
        rows = [
            {"path": path.relative_to(folder).as_posix(), "size": path.stat().st_size, "type": _type(path)}
            for path in _files(folder)
        ]
        return JSONResponse({"name": skill.name, "files": rows})

    async def _file(self, request: Request) -> Response:
        skill = self._skill(request)
        folder = self._folder(skill)
        name = request.path_params["file"]
        path = next((each for each in _files(folder) if each.relative_to(folder).as_posix() == name), None)
        if path is None:
            raise HTTPException(404, f"the skill {skill.name} has no file {name[:100]!r}")
        return FileResponse(path, media_type=_type(path))

    def _skill(self, request: Request) -> Skill:
        name = request.path_params["name"]
        if name not in self._skills:
            known = ", ".join(self._skills)
            raise HTTPException(404, f"there is no skill {name[:100]!r}; there are {known}")
        return self._skills[name]

    def _folder(self, skill: Skill) -> Path:
        if skill.folder is None:
            raise HTTPException(404, f"the skill {skill.name} has no files: its entry has no location")
        if not skill.folder.is_dir():
            raise HTTPException(404, f"the folder of the skill {skill.name} does not exist: {skill.folder}")
        return skill.folder


def _files(folder: Path) -> list[Path]:
    """Return the files in a folder, in order. Links to files elsewhere are none of them."""
    root = folder.resolve()
    return [
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.resolve().is_relative_to(root)
    ]


def _type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


async def refused(request: Request, error: Exception) -> Response:
    """Answer an error as JSON."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": f"leomock: {error.detail}"}, error.status_code, error.headers)
