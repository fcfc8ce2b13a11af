"""Files that ship inside the package, served as they lie: no build step, no request to anybody else.

All files of a folder are read once. The folder's digest is part of every address, so a browser may keep what it has
for ever, modules import each other by plain relative names, and an upgrade is a new address. Only names that were
found in the folder are answered: a path is looked up, never opened.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hindcast.errors import ConfigError

__all__ = ["SECURITY_HEADERS", "Asset", "Assets", "packaged"]

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""Said here, since what the machine's own table says of .js differs from machine to machine."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Headers for every answer: own scripts and styles only, no HTML from text (trusted types), no frames, no referrers."""

FOR_EVER = "public, max-age=31536000, immutable"
MARK = b"{{assets}}"
"""In a page: where the assets lie."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    body: bytes
    kind: str
    etag: str


class Assets:
    """The files of a folder by name, under addresses that hold the folder's digest.

    Parameters
    ----------
    folder : Path
        Read whole at once; files and folders whose name starts with a dot are left out, and links are not followed.
    prefix : str, default "/static"
        Where they are mounted.

    Raises
    ------
    ConfigError
        When `folder` is no folder.

    Examples
    --------
    >>> assets = packaged()
    >>> assets["base.css"].kind, "../assets.py" in assets
    ('text/css; charset=utf-8', False)
    >>> assets.address("base.css") == f"/static/{assets.digest}/base.css"
    True
    """

    def __init__(self, folder: Path, prefix: str = "/static") -> None:
        if not folder.is_dir():
            raise ConfigError(f"no folder {folder} to serve files from.")
        self.prefix = prefix
        self._files = {
            path.relative_to(folder).as_posix(): _asset(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            and not path.is_symlink()
            and not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
        }

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __getitem__(self, name: str) -> Asset:
        return self._files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    @cached_property
    def digest(self) -> str:
        """Of all names and bytes; 16 hexadecimal digits."""
        whole = hashlib.sha256()
        for name, asset in sorted(self._files.items()):
            whole.update(f"{len(name)}:{name}:{asset.etag}".encode())
        return whole.hexdigest()[:16]

    def address(self, name: str) -> str:
        """Where the file `name` is served."""
        return f"{self.prefix}/{self.digest}/{name}"

    def page(self, name: str) -> bytes:
        """The file `name` with ``{{assets}}`` replaced by where the assets lie."""
        return self[name].body.replace(MARK, f"{self.prefix}/{self.digest}".encode())

    def route(self) -> Route:
        """The route that serves them."""
        return Route(self.prefix + "/{digest}/{name:path}", self._serve, methods=["GET"])

    async def _serve(self, request: Request) -> Response:
        """The file, kept for ever under the present digest; under any other there is nothing."""
        name, digest = request.path_params["name"], request.path_params["digest"]
        if digest != self.digest or name not in self:
            return Response("not here\n", 404, media_type="text/plain")
        asset = self[name]
        headers = {"etag": asset.etag, "cache-control": FOR_EVER, **SECURITY_HEADERS}
        if asset.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(asset.body, headers={**headers, "content-type": asset.kind})


def packaged() -> Assets:
    """The files that ship with hindcast: tokens, base style, components, pages."""
    return Assets(Path(__file__).parent / "static")


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
