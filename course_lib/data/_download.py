"""Files fetched on first use: a cache in the user's folder, mirrors, and a SHA-256 that is always checked."""

import gzip
import hashlib
import json
import math
import os
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_lib import _files


class _File(NamedTuple):
    name: str
    size: int
    sha256: str
    urls: tuple[str, ...]


def registry() -> dict[str, list[_File]]:
    """Return the files of each data set that is downloaded, from ``data/registry.json``."""
    content = json.loads(_files.path("data/registry.json").read_text(encoding="utf-8"))
    return {
        name: [
            _File(f["file"], f["size"], f["sha256"], tuple(mirror + f["file"] for mirror in entry["mirrors"]))
            for f in entry["files"]
        ]
        for name, entry in content.items()
    }


def cache_folder(name: str = "") -> Path:
    """Return where downloads (of one data set) lie: in ``$COURSE_DATA``, or in the user's cache."""
    chosen = os.environ.get("COURSE_DATA")
    if chosen:
        return Path(chosen).expanduser().absolute() / name
    import pooch

    return Path(pooch.os_cache("course-lib")) / name


def load(name: str) -> dict[str, bytes]:
    """Return the verified content of each of a data set's files, fetching those that are not there."""
    return {file.name: _content(cache_folder(name), file) for file in registry()[name]}


def is_cached(name: str) -> bool:
    """Tell whether all of a data set's files are in the cache, undamaged."""
    paths = [(cache_folder(name) / file.name, file) for file in registry()[name]]
    return all(path.is_file() and not _damage(path.read_bytes(), file) for path, file in paths)


def _content(folder: Path, file: _File) -> bytes:
    path, history = folder / file.name, ""
    if path.is_file():
        content = path.read_bytes()
        wrong = _damage(content, file)
        if not wrong:
            return content
        history = f"The cached copy {path} was damaged ({wrong}) and has been removed"
        path.unlink(missing_ok=True)
        warnings.warn(f"{history}; it is fetched again.", stacklevel=2)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "set COURSE_DATA to a folder that you can write to"
        raise OSError(f"Cannot make the folder {folder} ({error.strerror}): {hint}.") from error
    failures = []
    for url in file.urls:
        try:
            return _fetch(url, folder, file)
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            failures.append(f"  {url}: {_reason(error)}")
    raise OSError(
        f"Could not download {file.name} ({file.size / 1e6:.1f} MB). Tried:\n" + "\n".join(failures) + "\n"
        f"Check the network and try again, or fetch the file in some other way and put it into {folder}"
        + (f"\n{history}." if history else "")
    )


def _fetch(url: str, folder: Path, file: _File) -> bytes:
    """Download one file into the folder, where it appears complete and verified or not at all."""
    import pooch
    from tqdm.auto import tqdm

    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part,
        tqdm(total=file.size, unit="B", unit_scale=True, desc=file.name) as bar,
    ):
        downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=30)
        pooch.retrieve(url, f"sha256:{file.sha256}", fname=file.name, path=part, downloader=downloader)
        content = (Path(part) / file.name).read_bytes()
        os.replace(Path(part) / file.name, folder / file.name)
    return content


def _damage(content: bytes, file: _File) -> str:
    """Say what is wrong with a file's content; nothing when it is what the registry promises."""
    if len(content) != file.size:
        return f"{len(content):,} bytes instead of {file.size:,}"
    if hashlib.sha256(content).hexdigest() != file.sha256:
        return "its SHA-256 is not the registered one"
    return ""


def _reason(error: Exception) -> str:
    """Say in a few words why a mirror failed."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code} {response.reason}"
    if isinstance(error, ValueError) and "does not match the known hash" in str(error):
        return "the file that came has the wrong SHA-256"
    words = {
        "ConnectionError": "no connection",
        "SSLError": "no secure connection",
        "ProxyError": "no connection through the proxy",
        "ConnectTimeout": "no answer within 30 seconds",
        "ReadTimeout": "no answer within 30 seconds",
        "ChunkedEncodingError": "the connection broke before the file was complete",
    }
    kind = type(error).__name__
    return words.get(kind, f"{kind}: {error}")


def read_idx(content: bytes, file: str) -> np.ndarray:
    """Read a gzipped IDX file of bytes, the format of MNIST.

    Two zero bytes, 8 for "unsigned byte", the number of dimensions; each dimension as four bytes, the
    greatest first; then the values.
    """
    try:
        raw = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise ValueError(f"{file} is not a complete gzip file: {error}") from error
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise ValueError(
            f"{file} is not an IDX file of bytes: it starts with {raw[:4].hex(' ') or 'nothing'}."
        )
    start = 4 + 4 * raw[3]
    shape = [int.from_bytes(raw[at : at + 4], "big") for at in range(4, start, 4)]
    if len(raw) != start + math.prod(shape):
        raise ValueError(f"{file} should hold an array of shape {tuple(shape)}, but has {len(raw):,} bytes.")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
