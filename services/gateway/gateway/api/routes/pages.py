"""The page a browser gets: three files of ours, nothing from anywhere else."""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter, Response

from gateway.api.c2.asyncapi import document
from gateway.api.errors import ApiError, answer

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
PAGES = {"/": "index.html", "/api/docs": "docs.html"}

router = APIRouter(include_in_schema=False)


def web_files() -> dict[str, bytes]:
    """Return the files of `gateway/web` by name, read once at start."""
    return {
        file.name: file.read_bytes()
        for file in sorted(resources.files("gateway").joinpath("web").iterdir(), key=lambda file: file.name)
        if file.name.rpartition(".")[2] in MEDIA_TYPES
    }


_FILES = web_files()


@router.get("/")
async def get_page() -> Response:
    """The live page."""
    return _file(PAGES["/"])


@router.get("/api/docs")
async def get_docs() -> Response:
    """The API's documentation."""
    return _file(PAGES["/api/docs"])


@router.get("/api/asyncapi.json")
async def get_topics() -> Response:
    """The topics of the websocket, as a document for programs."""
    return answer(document())


@router.get("/web/{name}")
async def get_file(name: str) -> Response:
    """A style sheet or a module of the pages."""
    if name not in _FILES:
        raise ApiError(404, "not_found", f"there is no file {name}")
    return _file(name)


def _file(name: str) -> Response:
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    return Response(_FILES[name], media_type=media_type, headers={"Cache-Control": "no-cache"})
