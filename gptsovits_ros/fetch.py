"""Download model files from a Hugging Face server: checked, resumable, atomic.

A file is first written beside its place as `*.part`; it takes its name only when its SHA-256 is
right. What arrived is recorded in `fetch.lock.json`, and a later download must be equal to that.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

from gptsovits_ros import __version__
from gptsovits_ros.errors import DownloadError
from gptsovits_ros.official_models import REPOSITORY, REVISION, ModelFile

ENDPOINT = 'https://huggingface.co'
LOCK_NAME = 'fetch.lock.json'
# A cut connection loses the block under way, so blocks from the network are small.
BLOCK = 1 << 16
REPORT_BYTES = 1 << 20
TIMEOUT_S = (15, 60)  # to connect; without a byte
MAX_ATTEMPTS = 6
MAX_WAIT_S = 60.0
# How much a file of unknown size may differ from the table before something is wrong.
SIZE_MARGIN = 0.1
SPARE_BYTES = 64 * 1024 * 1024  # left free on the disk

PRESENT, DOWNLOADING, RETRYING = 'present', 'downloading', 'retrying'
CHECKING, DONE = 'checking', 'done'
OK, MISSING, DAMAGED, UNKNOWN = 'ok', 'missing', 'damaged', 'unknown'


@dataclass(frozen=True)
class Progress:
    """What happens to a file: a state, bytes done, bytes in all, and for RETRYING the reason."""

    path: str
    state: str
    done: int
    total: int
    note: str = ''


class _Interrupted(Exception):
    """The download stopped early for a reason that may pass; it goes on from where it stopped."""

    def __init__(self, reason: str, wait_s: float = 0.0):
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class _Expected:
    """What a file must be: exact size and SHA-256 where known (0 and '' where not)."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Fetcher:
    """Downloads files of one repository into one folder.

    Attributes:
        model_root: folder to download into; made if it does not exist.
        endpoint: URL of the server; mirrors have the same layout.
        revision: commit or branch of the repository.
        on_progress: called with a Progress about once per MiB.
        session: requests.Session; it honours the usual proxy variables.
        sleep: waits between attempts [s].
        free_bytes: tells the free space of a folder.

    """

    model_root: Path
    endpoint: str = ENDPOINT
    revision: str = REVISION
    on_progress: Callable[[Progress], None] = lambda progress: None
    session: requests.Session = field(default_factory=requests.Session)
    sleep: Callable[[float], None] = time.sleep
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free

    def __post_init__(self):
        if not re.fullmatch(r'https?://[^\s?#]+', self.endpoint):
            raise DownloadError(f'the endpoint {self.endpoint!r} is not a http(s) URL')
        if not re.fullmatch(r'[\w.-]+', self.revision):
            raise DownloadError(f'the revision {self.revision!r} is not a commit or branch name')

    def url(self, file: ModelFile) -> str:
        """Return where a file is downloaded from."""
        path = urllib.parse.quote(file.path)
        address = file.url or f'/{REPOSITORY}/resolve/{self.revision}/{path}'
        return self.endpoint.rstrip('/') + address if address.startswith('/') else address

    def fetch(self, files: Iterable[ModelFile]) -> None:
        """Make sure that all these files are there and right; download what is missing.

        Raises:
            DownloadError: at the first file that cannot be had; those before it stay.

        """
        files = list(files)
        try:
            self.model_root.mkdir(parents=True, exist_ok=True)
            with _exclusive(self.model_root / '.fetch.running'):
                todo = [file for file in files if not self._is_present(file)]
                self.check_space(sum(self._missing_bytes(file) for file in todo))
                for file in todo:
                    self._fetch_one(file)
        except OSError as error:  # disk full, no permission, ...
            raise DownloadError(
                f'cannot write below {self.model_root}: {error}. What was downloaded so far is '
                'kept; run the command again afterwards'
            ) from error

    def verify(self, files: Iterable[ModelFile]) -> Iterator[tuple[ModelFile, str]]:
        """Yield each file with OK, MISSING, DAMAGED, or UNKNOWN where its SHA-256 is not known."""
        for file in files:
            path = self.model_root / file.path
            expected = self._expected(file)
            if not path.is_file():
                yield file, MISSING
            elif not expected.sha256:
                yield file, UNKNOWN
            else:
                yield file, OK if _sha256(path) == expected.sha256 else DAMAGED

    def _is_present(self, file: ModelFile) -> bool:
        """Say whether a file is there; one that was put there by other means is checked first."""
        path = self.model_root / file.path
        if not path.is_file():
            return False
        size = path.stat().st_size
        expected = self._expected(file)
        if self._read_lock().get(file.path) != {'size': size, 'sha256': expected.sha256}:
            self._report(file, CHECKING, size, size)
            sha256 = _sha256(path)
            if expected.sha256 and sha256 != expected.sha256:
                raise DownloadError(
                    f'{path} is not the official file (SHA-256 {sha256[:16]}..., expected '
                    f'{expected.sha256[:16]}...); move it away and run the command again'
                )
            self._write_lock(file, size, sha256)
        self._report(file, PRESENT, size, size)
        return True

    def _fetch_one(self, file: ModelFile) -> None:
        """Download a file, with several attempts; an attempt that made progress does not count."""
        part = self.model_root / (file.path + '.part')
        part.parent.mkdir(parents=True, exist_ok=True)
        failures = 0
        while True:
            before = _size(part)
            try:
                expected = self._download(file, part)
                break
            except _Interrupted as interruption:
                failures = 1 if _size(part) > before else failures + 1
                if failures >= MAX_ATTEMPTS:
                    raise DownloadError(
                        f'{file.path} could not be downloaded from {self.endpoint}: '
                        f'{interruption}. Run the command again to go on where it stopped'
                    ) from interruption
                self._report(file, RETRYING, _size(part), file.size, str(interruption))
                self.sleep(min(MAX_WAIT_S, max(interruption.wait_s, 2.0**failures)))
        self._accept(file, part, expected)

    def _download(self, file: ModelFile, part: Path) -> _Expected:
        """Append what is missing to the part file; return what the whole file must be.

        Raises:
            _Interrupted: if it may be tried again.
            DownloadError: if trying again is of no use.

        """
        known = self._expected(file)
        if known.size and _size(part) == known.size:
            return known
        etag_path = part.with_name(part.name + '.etag')
        etag = etag_path.read_text(encoding='ascii') if etag_path.is_file() else ''
        offset = _size(part) if etag else 0
        # identity: a compressed answer would make sizes and ranges meaningless.
        headers = {'Accept-Encoding': 'identity', 'User-Agent': f'gptsovits_ros/{__version__}'}
        if offset:
            headers |= {'Range': f'bytes={offset}-', 'If-Range': etag}
        try:
            with self.session.get(
                self.url(file),
                headers=headers,
                stream=True,
                timeout=TIMEOUT_S,
            ) as response:
                self._check_status(file, response, part)
                if response.status_code == 200:  # the whole file: it changed, or no ranges
                    part.unlink(missing_ok=True)
                    offset = 0
                expected = self._merge(file, _declared(response, offset))
                etag_path.write_text(_strong_etag(response), encoding='ascii')
                self._save(file, response, part, offset, expected.size)
        except requests.RequestException as error:
            raise _Interrupted(f'{type(error).__name__}: {error}') from error
        if expected.size and _size(part) < expected.size:
            raise _Interrupted(f'the connection was cut after {_size(part)} bytes')
        return expected

    def _check_status(self, file: ModelFile, response: requests.Response, part: Path) -> None:
        """Raise unless the answer brings (more of) the file."""
        hops = [*response.history, response]
        encrypted = all(hop.url.startswith('https:') for hop in hops)
        if self.endpoint.startswith('https:') and not encrypted:
            raise DownloadError(
                f'{self.endpoint} redirects {file.path} to a connection that is not encrypted'
            )
        status = response.status_code
        fits = response.headers.get('Content-Range', '').startswith(f'bytes {_size(part)}-')
        if status == 200 or (status == 206 and fits):
            return
        if status in (206, 416):
            part.unlink(missing_ok=True)
            raise _Interrupted('the server does not go on where the part ends; starting anew')
        if status == 429 or status >= 500:
            wait = response.headers.get('Retry-After', '')
            raise _Interrupted(
                f'the server answers {status}', float(wait) if wait.isdigit() else 0.0
            )
        raise DownloadError(
            f'{self.url(file)} cannot be downloaded: the server answers {status} '
            f'{response.reason}. Check --endpoint and --revision'
        )

    def _save(
        self,
        file: ModelFile,
        response: requests.Response,
        part: Path,
        offset: int,
        size: int,
    ) -> None:
        """Write the body of an answer into the part file from offset on."""
        limit = size or int(file.size * (1 + SIZE_MARGIN))
        self.check_space(max(0, limit - offset))
        done = reported = offset
        with part.open('ab' if offset else 'wb') as output:
            for block in response.iter_content(BLOCK):
                done += len(block)
                if done > limit:
                    part.unlink()
                    raise DownloadError(
                        f'the server sends more than {limit} bytes for {file.path}; it is not '
                        'the official file and was deleted'
                    )
                output.write(block)
                if done - reported >= REPORT_BYTES or done == limit:
                    self._report(file, DOWNLOADING, done, limit)
                    reported = done

    def _accept(self, file: ModelFile, part: Path, expected: _Expected) -> None:
        """Check the whole part file and give it its name."""
        size = _size(part)
        self._report(file, CHECKING, size, size)
        sha256 = _sha256(part)
        etag_path = part.with_name(part.name + '.etag')
        if expected.sha256 and sha256 != expected.sha256:
            part.unlink()
            etag_path.unlink(missing_ok=True)
            raise DownloadError(
                f'what arrived for {file.path} is not the official file (SHA-256 '
                f'{sha256[:16]}..., expected {expected.sha256[:16]}...); it was deleted. Try '
                'again or use another --endpoint'
            )
        part.replace(self.model_root / file.path)
        etag_path.unlink(missing_ok=True)
        self._write_lock(file, size, sha256)
        self._report(file, DONE, size, size)

    def _expected(self, file: ModelFile) -> _Expected:
        """Return what is known of a file before the server is asked: by the table or the lock."""
        if file.sha256:
            return _Expected(file.size, file.sha256)
        locked = self._read_lock().get(file.path)
        return _Expected(locked['size'], locked['sha256']) if locked else _Expected(0, '')

    def _merge(self, file: ModelFile, declared: _Expected) -> _Expected:
        """Return what a file must be, given what the server says of it; refuse a contradiction."""
        known = self._expected(file)
        sizes = ('size', known.size, declared.size)
        for word, ours, theirs in (sizes, ('SHA-256', known.sha256, declared.sha256)):
            if ours and theirs and ours != theirs:
                raise DownloadError(
                    f'{self.endpoint} offers {file.path} with {word} {theirs}, expected {ours}; '
                    'it is not the official file, nothing was downloaded'
                )
        far_off = abs(declared.size - file.size) > file.size * SIZE_MARGIN
        if declared.size and not known.size and far_off:
            raise DownloadError(
                f'{self.endpoint} offers {file.path} with {declared.size} bytes, but about '
                f'{file.size} are expected; it is not the official file, nothing was downloaded'
            )
        return _Expected(known.size or declared.size, known.sha256 or declared.sha256)

    def _missing_bytes(self, file: ModelFile) -> int:
        return max(0, file.size - _size(self.model_root / (file.path + '.part')))

    def check_space(self, needed: int) -> None:
        """Raise DownloadError unless so many bytes, and some to spare, fit on the disk."""
        free = self.free_bytes(self.model_root)
        if needed and needed + SPARE_BYTES > free:
            raise DownloadError(
                f'{needed / 1e6:.0f} MB are to be put into {self.model_root}, but only '
                f'{free / 1e6:.0f} MB are free there; make room or choose another --model-root'
            )

    def _read_lock(self) -> dict[str, dict]:
        """Return the record of earlier downloads: {path: {"size": ..., "sha256": ...}}."""
        path = self.model_root / LOCK_NAME
        if not path.is_file():
            return {}
        try:
            files = json.loads(path.read_text(encoding='utf-8'))['files']
            return {
                name: {'size': int(entry['size']), 'sha256': str(entry['sha256'])}
                for name, entry in files.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DownloadError(
                f'{path} is damaged ({error}); delete it, the files will be checked anew'
            ) from error

    def _write_lock(self, file: ModelFile, size: int, sha256: str) -> None:
        """Record a file, atomically."""
        files = self._read_lock() | {file.path: {'size': size, 'sha256': sha256}}
        text = json.dumps({'repository': REPOSITORY, 'files': files}, indent=1, sort_keys=True)
        part = self.model_root / (LOCK_NAME + '.part')
        part.write_text(text + '\n', encoding='utf-8')
        part.replace(self.model_root / LOCK_NAME)

    def _report(self, file: ModelFile, state: str, done: int, total: int, note: str = '') -> None:
        self.on_progress(Progress(file.path, state, done, total, note))


def _declared(response: requests.Response, offset: int) -> _Expected:
    """Return size and SHA-256 that the server declares.

    Large files are redirected to a storage server; the first answer then names both (X-Linked-*).
    """
    linked = next((r for r in [*response.history, response] if 'X-Linked-Size' in r.headers), None)
    if linked is not None:
        size, etag = linked.headers['X-Linked-Size'], linked.headers.get('X-Linked-Etag', '')
    else:
        body = response.headers.get('Content-Length', '')
        size = str(offset + int(body)) if body.isdigit() else ''
        etag = ''
    sha256 = etag.removeprefix('W/').strip('"').lower()
    return _Expected(
        int(size) if size.isdigit() else 0, sha256 if re.fullmatch('[0-9a-f]{64}', sha256) else ''
    )


def _strong_etag(response: requests.Response) -> str:
    """Return the ETag of an answer; a weak one promises no equal bytes, so it counts as none."""
    etag = response.headers.get('ETag', '')
    return etag if etag.isascii() and not etag.startswith('W/') else ''


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two downloads never write the same part file."""
    with path.open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadError(f'another download into {path.parent} is running') from error
        yield


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _size(path: Path) -> int:
    """Return the size of a file, 0 if there is none."""
    return path.stat().st_size if os.path.exists(path) else 0
