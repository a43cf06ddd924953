"""The API of a Label Studio server, as far as a run needs it: projects, tasks, their answers."""

import contextlib
import http
import http.client
import itertools
import json
import mimetypes
import os
import secrets
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.errors import ConfigError, DataError

KEY = "LABEL_STUDIO_API_KEY"
ATTEMPTS = 4
PAUSE = 1.0
"""Seconds before a request is made again; twice as many each time."""
TIMEOUT = 60.0
"""Seconds for an answer of the server."""
PAGE = 100
"""Projects in an answer."""
JSON, UPLOAD = "application/json", "multipart/form-data"
PICTURES = frozenset({".bmp", ".gif", ".jpg", ".jpeg", ".png", ".webp"})
"""Suffixes of pictures that the server takes."""
_EXPORT = "/api/projects/{}/export?exportType=JSON&download_all_tasks=true"


class NotFoundError(DataError):
    """The server has no such page."""


class RefusedError(DataError):
    """The server does not do what it is asked."""


class UnreachableError(DataError):
    """The server is away or out of order, and may be back."""


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follows a redirection of what is only read, on the same server: others are told.

    Another server would be given the key, and what is sent would be read instead.
    """

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if req.get_method() != "GET" or (old.scheme, old.netloc) != (new.scheme, new.netloc):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_SameOrigin)


class Server:
    """A server, and the key to it: a legacy token, or a personal access token.

    Raises:
        ConfigError: there is no key in the environment.
    """

    def __init__(self, url: str) -> None:
        self.url = checked_address(url)
        self._access = ""
        self._key = os.environ.get(KEY, "").strip()
        if not self._key:
            raise ConfigError(
                f"{KEY} is not set: copy the access token of your account in Label Studio into "
                "this environment variable"
            )
        if not (self._key.isascii() and self._key.isprintable()):  # which is never shown
            raise ConfigError(f"{KEY} is no access token: expected letters, digits and . - _ alone")

    def project(self, title: str, labels: str) -> Mapping[str, Any]:
        """The project of this title; a new one, with this label configuration, if there is none.

        Returns:
            What the server says of it, with a whole number as ``id`` and text as ``label_config``.
        """
        with self._understood():
            named = (int(row["id"]) for row in self._projects(title) if row["title"] == title)
            number = next(named, None)
        if number is not None:
            return self._described(self.get(f"/api/projects/{number}"))
        settings = {"title": title, "label_config": labels, "sampling": "Uncertainty sampling"}
        return self._described(self.post("/api/projects", settings))

    def _projects(self, title: str) -> Iterator[Any]:
        """Those in whose titles this one occurs, the newest first."""
        for page in itertools.count(1):
            query = urllib.parse.urlencode({"title": title, "page_size": PAGE, "page": page})
            found = self.get(f"/api/projects?{query}")
            yield from found["results"]
            if not (found["results"] and found.get("next")):
                return

    def numbered(self, project: int) -> Mapping[str, Any] | None:
        """The project of this number, likewise, whatever its title is now; None: it is gone."""
        try:
            return self._described(self.get(f"/api/projects/{project}"))
        except NotFoundError:
            return None

    def _described(self, said: Any) -> Mapping[str, Any]:
        with self._understood():
            return {**said, "id": int(said["id"]), "label_config": str(said["label_config"])}

    def tasks(self, project: int) -> list[Mapping[str, Any]]:
        """All tasks as they are exported, also those that nobody has annotated.

        Each has a whole number as ``id``, mappings as ``data`` and in a list of ``annotations``.
        """
        found = self.get(_EXPORT.format(project))
        with self._understood():
            return [
                {
                    **task,
                    "id": int(task["id"]),
                    "data": dict(task["data"]),
                    "annotations": [dict(each) for each in task["annotations"]],
                }
                for task in found
            ]

    def serve(self, project: int, folder: Path) -> None:
        """Have the server show pictures in a folder that it can read, unless it does."""
        known = self.get(f"/api/storages/localfiles?project={project}")
        with self._understood():
            shown = any(Path(row["path"]) == folder for row in known)
        if not shown:
            settings = {"project": project, "path": str(folder), "use_blob_urls": True}
            self.post("/api/storages/localfiles", settings)

    def upload(self, project: int, picture: Path) -> str:
        """Give the server a picture; where it shows it."""
        boundary = secrets.token_hex(16)
        kind = mimetypes.guess_type(picture.name)[0] or "application/octet-stream"
        name = urllib.parse.quote(picture.name)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        )
        body = head.encode() + picture.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        path = f"/api/projects/{project}/import?commit_to_project=false"
        answer = self._request("POST", path, body, f"{UPLOAD}; boundary={boundary}")
        said = self._parsed(answer, path)
        with self._understood():
            (number,) = map(int, said["file_upload_ids"])
        found = self.get(f"/api/import/file-upload/{number}")
        with self._understood():
            return f"/data/{found['file']}"

    def add(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> None:
        """Add tasks with their predictions, in one request."""
        self.post(f"/api/projects/{project}/import", tasks)

    def get(self, path: str) -> Any:
        """What the server says at a path."""
        return self._parsed(self._request("GET", path, None, ""), path)

    def post(self, path: str, content: Any) -> Any:
        """What the server says to ``content``."""
        answer = self._request("POST", path, _json(content), JSON)
        return self._parsed(answer, path)

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """Take JSON for Label Studio's.

        Raises:
            DataError: it is another server's.
        """
        try:
            yield
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise DataError(
                f"{self.url} answers JSON that is none of Label Studio ({error!r:.300}): is it at "
                "oracle.url?"
            ) from error

    def _parsed(self, answer: bytes, path: str) -> Any:
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:  # the page of a proxy, or of another server
            raise DataError(
                f"{self.url}{path} answers {answer[:40]!r}, no JSON: is Label Studio at oracle.url?"
            ) from error

    def _request(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        """The answer; what may be done twice is tried again where the server cannot be reached."""
        attempts = ATTEMPTS if method == "GET" or kind.startswith(UPLOAD) else 1
        for attempt in range(attempts):
            try:
                return self._once(method, path, body, kind)
            except urllib.error.HTTPError as error:
                busy = error.code >= 500 or error.code == http.HTTPStatus.TOO_MANY_REQUESTS
                with error:  # the answer's connection
                    if not busy or attempt == attempts - 1:
                        raise self._refusal(error, path) from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = getattr(error, "reason", None) or error
                if isinstance(reason, ssl.SSLCertVerificationError):  # no attempt changes that
                    raise DataError(
                        f"{self.url} shows a certificate that this machine does not trust "
                        f"({reason.verify_message}): name the file of who issued it in the "
                        "environment variable SSL_CERT_FILE"
                    ) from error
                if attempt == attempts - 1:
                    raise UnreachableError(
                        f"{self.url} cannot be reached ({reason}): start Label Studio, or correct "
                        "oracle.url; then resume the run"
                    ) from error
            time.sleep(PAUSE * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        held = self._access
        try:
            return self._sent(method, path, body, kind)
        except urllib.error.HTTPError as error:
            if error.code != 401 or not held:
                raise
            error.close()
            self._access = ""  # it lasts for some minutes
            return self._sent(method, path, body, kind)

    def _sent(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        return self._answer(method, path, body, kind, {"Authorization": self._authorization()})

    def _answer(
        self, method: str, path: str, body: bytes | None, kind: str, headers: Mapping[str, str]
    ) -> bytes:
        given = {**headers, "Content-Type": kind} if kind else dict(headers)
        request = urllib.request.Request(self.url + path, body, given, method=method)  # noqa: S310
        with _OPENER.open(request, timeout=TIMEOUT) as answer:
            content: bytes = answer.read()
            return content

    def _authorization(self) -> str:
        """A legacy token as it is; one in three parts is exchanged for one of some minutes."""
        if self._key.count(".") != 2:
            return f"Token {self._key}"
        self._access = self._access or self._exchanged()
        return f"Bearer {self._access}"

    def _exchanged(self) -> str:
        path, body = "/api/token/refresh", _json({"refresh": self._key})
        said = self._parsed(self._answer("POST", path, body, JSON, {}), path)
        with self._understood():
            return str(said["access"])

    def _refusal(self, error: urllib.error.HTTPError, path: str) -> DataError:
        said = ""
        with contextlib.suppress(OSError, http.client.HTTPException):  # it may end within
            said = _reasons(error.read(10_000))
        if 300 <= error.code < 400:
            place = error.headers.get("Location")
            return DataError(
                f"{self.url}{path} leads to {place!s:.300}: give the address of the server itself "
                "as oracle.url"
            )
        if error.code in (401, 403):
            return DataError(
                f"{self.url} does not accept the key in {KEY} ({error.code}): copy the access "
                "token of your account once more; legacy tokens may be switched off there"
            )
        if error.code == 404:
            return NotFoundError(f"{self.url}{path}: not found; is Label Studio at oracle.url?")
        answers = f"{self.url}{path} answers {error.code}: {said:.300}"
        if error.code >= 500:
            return UnreachableError(f"{answers}; the log of the server says more")
        return RefusedError(answers)


def _reasons(body: bytes) -> str:
    """Why a request is refused: what was wrong with it, where the server says that."""
    text = body.decode(errors="replace").strip()
    try:
        said = json.loads(text)
        if wrong := said.get("validation_errors"):
            return "; ".join(f"{field}: {_listed(reasons)}" for field, reasons in wrong.items())
        return str(said["detail"])
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):  # another's
        return text


def _listed(reasons: Any) -> str:
    return ", ".join(map(str, reasons)) if isinstance(reasons, list) else str(reasons)


def checked_address(url: str) -> str:
    """The address of a server, without a slash at its end.

    Raises:
        ConfigError: it is none.
    """
    address = url.strip().rstrip("/")
    if not _is_address(address):
        shown = "" if {"@", "?"} & {*url} else f"={url}"  # no password, no token
        raise ConfigError(
            f"oracle.url{shown}: expected http://HOST:PORT or https://HOST, of the server and not "
            "of a page"
        )
    return address


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        usual = url.isascii() and parts.scheme in ("http", "https") and parts.port != 0
        more = any(each in url for each in ("@", "?", "#", " ", "\t", "\r", "\n", "/projects"))
        return usual and bool(parts.hostname) and not more
    except ValueError:  # half of an IPv6 address, or a port that is no number
        return False


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()
