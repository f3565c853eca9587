"""Promises about the downloaded data sets, proven against a real HTTP server on this machine."""

import contextlib
import gzip
import hashlib
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import _files, data
from course_lib.data import _download

TEXT = "".join(f"Line {k}: to be, or not to be.\n" for k in range(20_000)).encode()
SHA256 = hashlib.sha256(TEXT).hexdigest()
SHARED = Path(__file__).parents[2] / "shared" / "data"


class Server(http.server.ThreadingHTTPServer):
    """Mirrors that do what ``self.mirrors[name]`` says: send content, or misbehave."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.mirrors, self.asked = {}, []
        self.half_sent, self.together = threading.Event(), threading.Barrier(2)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, mirror, file="input.txt"):
        return f"http://127.0.0.1:{self.server_port}/{mirror}/{file}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        mirror, file = self.path.strip("/").split("/")
        self.server.asked.append(mirror)
        behavior = self.server.mirrors[mirror]
        content = TEXT
        if isinstance(behavior, dict):
            behavior, content = "good", behavior[file]
        if behavior == "forbidden":
            return self.send_error(403)
        if behavior == "other":
            content = b"<html>Please log in to the Wi-Fi.</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if behavior == "together":
            self.server.together.wait(timeout=60)
        if behavior in ("truncated", "stalled"):
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
        else:
            self.wfile.write(content)
        if behavior == "stalled":  # until the client goes away
            self.server.half_sent.set()
            with contextlib.suppress(ConnectionError):
                self.connection.recv(1)
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as running:
        yield running
        running.shutdown()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def offer(monkeypatch):
    """Make ``shakespeare`` be TEXT, to be had at the given addresses."""

    def at(*urls):
        file = _download._File("input.txt", len(TEXT), SHA256, urls)
        monkeypatch.setattr(_download, "registry", lambda: {"shakespeare": [file]})

    return at


def nowhere():
    """An address on this machine where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/input.txt"


def loaded():
    dataset = data.load("shakespeare")
    return (dataset.train + dataset.valid + dataset.test).encode()


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


# Mirrors


def test_the_third_mirror_serves_when_the_first_forbids_and_the_second_breaks_off(server, cache, offer):
    server.mirrors = {"a": "forbidden", "b": "truncated", "c": "good"}
    offer(server.url("a"), server.url("b"), server.url("c"))
    assert not data.cached("shakespeare")
    assert loaded() == TEXT
    assert server.asked == ["a", "b", "c"]
    assert (cache / "shakespeare" / "input.txt").read_bytes() == TEXT
    assert files_in(cache) == ["input.txt", "shakespeare"], "something was left behind"
    assert data.cached("shakespeare")


def test_a_second_load_asks_no_mirror(server, cache, offer):
    server.mirrors = {"a": "good"}
    offer(server.url("a"))
    assert loaded() == loaded() == TEXT
    assert server.asked == ["a"]


def test_when_all_mirrors_fail_the_error_says_how_each_did_and_what_to_do(server, cache, offer):
    server.mirrors = {"a": "forbidden", "b": "truncated", "c": "other"}
    offer(server.url("a"), server.url("b"), server.url("c"), nowhere())
    with pytest.raises(OSError, match=r"Could not download input\.txt \(0\.[56] MB\)") as caught:
        loaded()
    message = str(caught.value)
    assert f"{server.url('a')}: HTTP 403" in message
    assert f"{server.url('b')}: the connection broke before the file was complete" in message
    assert f"{server.url('c')}: the file that came has the wrong SHA-256" in message
    assert "input.txt: no connection" in message
    assert f"put it into {cache / 'shakespeare'}" in message
    assert files_in(cache) == ["shakespeare"], "nothing wrong may stay"


def test_a_file_with_the_wrong_hash_is_never_used(server, cache, offer):
    server.mirrors = {"a": "other", "b": "other"}
    offer(server.url("a"), server.url("b"))
    for _ in range(2):
        with pytest.raises(OSError, match="wrong SHA-256"):
            loaded()
    assert server.asked == ["a", "b", "a", "b"] and files_in(cache) == ["shakespeare"]
    assert not data.cached("shakespeare")


def test_a_progress_bar_names_the_file(server, cache, offer, capfd):
    server.mirrors = {"a": "good"}
    offer(server.url("a"))
    loaded()
    assert re.search(r"input\.txt: 100%.*\d+k/\d+k", capfd.readouterr().err)


# Interruptions


CHILD = """
import json, sys
from course_lib import data
from course_lib.data import _download
size, sha256, url = json.loads(sys.argv[1])
_download.registry = lambda: {"shakespeare": [_download._File("input.txt", size, sha256, (url,))]}
dataset = data.load("shakespeare")
print(len(dataset.train + dataset.valid + dataset.test))
"""


def start_child(url):
    arguments = json.dumps([len(TEXT), SHA256, url])
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", CHILD, arguments], stdout=pipe, stderr=pipe, text=True)


def test_a_process_killed_in_mid_download_leaves_nothing_that_is_taken_for_good(server, cache, offer):
    server.mirrors = {"a": "stalled"}
    child = start_child(server.url("a"))
    assert server.half_sent.wait(timeout=60)
    child.kill()
    child.communicate()
    assert not (cache / "shakespeare" / "input.txt").exists()
    offer(server.url("a"))
    assert not data.cached("shakespeare")
    server.mirrors = {"a": "good"}
    assert loaded() == TEXT
    assert server.asked == ["a", "a"]


def test_two_processes_at_once_both_get_the_file(server, cache, offer):
    server.mirrors = {"a": "together"}
    children = [start_child(server.url("a")) for _ in range(2)]
    for child in children:
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        assert out.strip() == str(len(TEXT))
    assert server.asked == ["a", "a"]
    offer(nowhere())
    assert loaded() == TEXT
    assert files_in(cache) == ["input.txt", "shakespeare"]


def test_ctrl_c_leaves_nothing_behind(server, cache, offer, monkeypatch):
    import pooch

    def interrupted(self, url, output_file, pooch, **kwargs):
        Path(output_file).write_bytes(TEXT[:100])
        raise KeyboardInterrupt

    offer(server.url("a"))
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loaded()
    assert files_in(cache) == ["shakespeare"]


# The cache


def test_without_a_network_and_without_a_copy_the_error_says_so(cache, offer):
    url = nowhere()
    offer(url)
    with pytest.raises(OSError, match=re.escape(f"{url}: no connection")) as caught:
        loaded()
    assert "damaged" not in str(caught.value)
    assert not data.cached("shakespeare")


def test_without_a_network_a_cached_copy_serves(server, cache, offer):
    server.mirrors = {"a": "good"}
    offer(server.url("a"))
    loaded()
    offer(nowhere())
    assert data.cached("shakespeare")
    assert loaded() == TEXT


def test_a_copy_placed_by_hand_serves_without_any_mirror(cache, offer):
    offer(nowhere())
    (cache / "shakespeare").mkdir(parents=True)
    (cache / "shakespeare" / "input.txt").write_bytes(TEXT)
    assert data.cached("shakespeare")
    assert loaded() == TEXT


@pytest.mark.parametrize(
    "damage", [TEXT[:-1], b"", TEXT.replace(b"be", b"do", 1)], ids=["short", "empty", "changed"]
)
def test_a_copy_damaged_later_is_noticed_and_fetched_again(damage, server, cache, offer):
    server.mirrors = {"a": "good"}
    offer(server.url("a"))
    loaded()
    (cache / "shakespeare" / "input.txt").write_bytes(damage)
    assert not data.cached("shakespeare")
    with pytest.warns(UserWarning, match="was damaged .* and has been removed; it is fetched again"):
        assert loaded() == TEXT
    assert (cache / "shakespeare" / "input.txt").read_bytes() == TEXT
    assert server.asked == ["a", "a"]


def test_a_damaged_copy_without_a_network_is_an_error_that_says_both(cache, offer):
    offer(nowhere())
    (cache / "shakespeare").mkdir(parents=True)
    (cache / "shakespeare" / "input.txt").write_bytes(TEXT[:-1])
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(OSError, match="no connection") as caught,
    ):
        loaded()
    assert f"was damaged ({len(TEXT) - 1:,} bytes instead of {len(TEXT):,})" in str(caught.value)
    assert not (cache / "shakespeare" / "input.txt").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path, offer, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "file"))
    offer(nowhere())
    with pytest.raises(OSError, match=r"Cannot make the folder .*shakespeare \(.*set COURSE_DATA"):
        loaded()


def test_without_course_data_files_go_to_the_users_cache(monkeypatch):
    import pooch

    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert data.cache_folder() == Path(pooch.os_cache("course-lib"))
    assert data.cache_folder("mnist") == data.cache_folder() / "mnist"


# The registry


def test_every_file_is_registered_with_two_mirrors_a_size_and_a_hash():
    registry = _download.registry()
    assert {name: len(files) for name, files in registry.items()} == {
        "mnist": 4, "fashion-mnist": 4, "shakespeare": 1,
    }  # fmt: skip
    for file in (file for files in registry.values() for file in files):
        assert len(file.urls) >= 2 and len({url.split("/")[2] for url in file.urls}) == len(file.urls)
        assert all(url.startswith("http") and url.endswith(file.name) for url in file.urls)
        assert re.fullmatch("[0-9a-f]{64}", file.sha256) and file.size > 4000


# IDX files


def idx(array, magic=b"\0\0\x08"):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return magic + bytes([array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(0, 255))
def test_an_idx_file_is_read_in_any_shape(shape, start):
    array = (np.arange(np.prod(shape)) + start).astype(np.uint8).reshape(shape)
    read = _download.read_idx(gzip.compress(idx(array)), "f.gz")
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.uint8 and read.shape == tuple(shape)


WHOLE = idx(np.arange(12).reshape(3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (WHOLE, "f.gz is not a complete gzip file"),
        (gzip.compress(WHOLE)[:-9], "f.gz is not a complete gzip file"),
        (gzip.compress(b""), "f.gz is not an IDX file of bytes: it starts with nothing"),
        (
            gzip.compress(b"\0\0\x0d" + WHOLE[3:]),
            "f.gz is not an IDX file of bytes: it starts with 00 00 0d 02",
        ),
        (gzip.compress(b"\x01" + WHOLE[1:]), "f.gz is not an IDX file"),
        (gzip.compress(WHOLE[:-1]), r"f.gz should hold an array of shape \(3, 4\), but has 23 bytes"),
        (gzip.compress(WHOLE + b"\0"), r"f.gz should hold an array of shape \(3, 4\), but has 25 bytes"),
        (gzip.compress(WHOLE[:7]), "f.gz should hold"),
    ],
    ids=["plain", "cut-gzip", "empty", "floats", "magic", "short", "long", "cut-header"],
)
def test_a_broken_idx_file_is_named(content, message):
    with pytest.raises(ValueError, match=message):
        _download.read_idx(content, "f.gz")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_data_sets_arrive_as_images_with_their_labels(name, server, cache, monkeypatch):
    def pair(n):  # each image is filled with 10 times its label
        labels = np.arange(n) % 10
        return idx(np.broadcast_to(10 * labels[:, None, None], (n, 28, 28))), idx(labels)

    names = [
        f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")
    ]
    contents = dict(zip(names, map(gzip.compress, (*pair(60), *pair(20))), strict=True))
    server.mirrors = {"a": contents}
    files = [
        _download._File(file, len(content), hashlib.sha256(content).hexdigest(), (server.url("a", file),))
        for file, content in contents.items()
    ]
    monkeypatch.setattr(_download, "registry", lambda: {name: files})
    first, second = data.load(name, seed=0), data.load(name, seed=1)
    assert len(server.asked) == 4
    assert [len(part.y) for part in (first.train, first.valid, first.test)] == [50, 10, 20]
    for part in (first.train, first.valid, first.test):
        assert part.X.shape[1:] == (1, 28, 28) and part.X.dtype == np.float32 and part.y.dtype == np.int64
        np.testing.assert_allclose(part.X[:, 0, 5, 7] * 255, 10 * part.y, rtol=1e-6)
    assert Counter(np.append(first.train.y, first.valid.y).tolist()) == dict.fromkeys(range(10), 6)
    assert first.train.y.tolist() != second.train.y.tolist()
    np.testing.assert_array_equal(first.test.X, second.test.X)
    assert len(first.classes) == 10 and first.classes[7] in ("7", "sneaker")


# Real files, where they are at hand


@pytest.mark.skipif(
    not (SHARED / "mnist").is_dir(), reason="no copy of MNIST's test files beside the checkout"
)
def test_the_official_mnist_test_files_are_registered_and_read():
    files = {file.name: file for file in _download.registry()["mnist"]}
    images, labels = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
    content = {name: (SHARED / "mnist" / name).read_bytes() for name in (images, labels)}
    assert not any(_download._damage(content[name], files[name]) for name in content)
    X, y = (_download.read_idx(content[name], name) for name in (images, labels))
    assert X.shape == (10_000, 28, 28) and y.shape == (10_000,)
    assert y[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert X.max() == 255 and X[:, 0, 0].max() == 0 and 33 < X.mean() < 34


@pytest.mark.skipif(
    not (SHARED / "tinyshakespeare").is_dir(), reason="no copy of the text beside the checkout"
)
def test_the_real_shakespeare_serves_from_a_folder(monkeypatch):
    # The file lies in a folder of another name, which COURSE_DATA cannot say.
    monkeypatch.setattr(_download, "cache_folder", lambda name: SHARED / "tinyshakespeare")
    assert data.cached("shakespeare")
    dataset = data.load("shakespeare")
    assert len(dataset.train + dataset.valid + dataset.test) == 1_115_394
    assert dataset.train.startswith("First Citizen:\nBefore we proceed any further, hear me speak.")


def test_the_registry_ships_as_one_json_file():
    content = json.loads(_files.path("data/registry.json").read_text(encoding="utf-8"))
    assert all(mirror.endswith("/") for entry in content.values() for mirror in entry["mirrors"])
    assert os.path.getsize(_files.path("data/registry.json")) < 5000
