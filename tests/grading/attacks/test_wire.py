"""Whatever comes over the wire, decoding it gives plain data or a WireError, and soon."""

import contextlib
import json
import socket
import struct
import threading
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.grading.walls import wire

BLOB = memoryview(bytes(range(64)))


def other(decode, tag, rest):
    raise wire.WireError(tag)


def decoded(coded, blob=BLOB):
    return wire.Decoder(blob, other)(coded)


def nested(depth, inner=1):
    for _ in range(depth):
        inner = ["l", inner]
    return inner


DAMAGED = {
    "no list": {"a": 1},
    "empty": [],
    "no tag": [1, 2],
    "a list as tag": [["l"], 1],
    "unknown tag": ["eval", "1"],
    "deep": nested(60),
    "many parts": ["l", *[["l"]] * 500_000],
    "many keys": ["d", *[[i, 0] for i in range(20_000)]],
    "many members": ["s", *range(20_000)],
    "a pair of three": ["d", [1, 2, 3]],
    "a pair of none": ["d", 1],
    "a list as key": ["d", [["l"], 1]],
    "a list in a set": ["s", ["l"]],
    "an array without shape": ["n", "float64"],
    "unknown dtype": ["n", "object", [1], [0], 0],
    "a list as dtype": ["n", ["float64"], [1], [0], 0],
    "a dtype of records": ["n", "f8,f8", [1], [0], 0],
    "negative shape": ["n", "float64", [-1], [0], 0],
    "negative shapes": ["n", "float64", [-2, -2], [0, 1], 0],
    "a shape of floats": ["n", "float64", [1.0], [0], 0],
    "a shape of booleans": ["n", "float64", [True], [0], 0],
    "a shape of NaN": ["n", "float64", [float("nan")], [0], 0],
    "a huge shape": ["n", "float64", [2**39] * 3, [0, 1, 2], 0],
    "a huge shape of nothing": ["n", "float64", [0, *[2**39] * 3], [0, 1, 2, 3], 0],
    "a shape that is a number": ["n", "float64", 3, [0], 0],
    "a shape that is text": ["n", "float64", "abc", [0], 0],
    "many axes": ["n", "uint8", [1] * 33, list(range(33)), 0],
    "another order": ["n", "float64", [2, 2], [0, 0], 0],
    "a negative order": ["n", "float64", [2, 2], [-1, 0], 0],
    "no order": ["n", "float64", [2, 2], [], 0],
    "an order of text": ["n", "float64", [2], ["0"], 0],
    "a negative place": ["n", "float64", [1], [0], -8],
    "a place behind the end": ["n", "float64", [1], [0], 60],
    "a place of NaN": ["n", "float64", [1], [0], float("nan")],
    "a huge place": ["n", "float64", [1], [0], 10**400],
    "a scalar behind the end": ["g", "float64", 64],
    "a scalar of an unknown dtype": ["g", "datetime64", 0],
    "bytes of a negative length": ["b", 8, -4],
    "bytes of a huge length": ["b", 0, 10**30],
    "a tensor of an unknown dtype": ["T", "qint8", [1], [0], 0],
    "a tensor of negative shape": ["T", "float32", [-1], [0], 0],
    "a tensor behind the end": ["T", "float32", [100], [0], 0],
    "a number that is none": ["i", "zz"],
    "a number that is a list": ["i", [1]],
    "a number that is missing": ["i"],
    "a complex number of text": ["c", "x", 1],
    "a slice of five": ["slice", 1, 2, 3, 4, 5],
    "a dtype that is none": ["dtype", "object"],
    "an attribute as dtype": ["dtype", "load"],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_one_class_of_error(name):
    start = time.monotonic()
    with pytest.raises(wire.WireError):
        decoded(DAMAGED[name])
    assert time.monotonic() - start < 5


def test_a_whole_number_of_any_size_can_be_shown():
    """Python refuses to write numbers of more than 4300 digits; a message about one must be possible."""
    assert repr(decoded(["i", "0x" + "f" * 10_000]))


def test_keys_that_collide_take_seconds_at_most():
    modulus = 2**61 - 1
    start = time.monotonic()
    decoded(["d", *[[["i", hex(i * modulus)], 0] for i in range(9_000)]])
    assert time.monotonic() - start < 20


def test_booleans_are_zero_or_one():
    assert decoded(["n", "bool", [64], [0], 0]).view("uint8").max() == 1
    assert decoded(["T", "bool", [64], [0], 0]).to(torch.uint8).max() == 1
    assert int(decoded(["g", "bool", 7])) == 1


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["l", "t", "d", "s", "n", "g", "T", "i", "b", "c", "slice", "dtype", "...", "float32", "bool"]
    ),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=25,
)


@settings(max_examples=500, deadline=None)
@given(json_values)
def test_anything_is_decoded_or_refused(coded):
    with contextlib.suppress(wire.WireError):
        decoded(coded)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["n", "g", "T", "b"]),
    st.lists(
        st.sampled_from(["float32", "bool", 0, 1, -1, 8, 2**40, [], [0], [1], [2, 3], [1, 0], None]),
        max_size=5,
    ),
)
def test_any_array_is_decoded_or_refused(tag, rest):
    with contextlib.suppress(wire.WireError):
        decoded([tag, *rest])


def build(name, options=None, state=None, children=()):
    content = {"state": state or {}, "gradients": {}, "trainable": [], "training": [True]}
    return wire.build([name, options or {}, list(children)], content)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("functional", {}), ("Parameter", {}), ("init", {}), ("DataParallel", {"module": 1}), ("__builtins__", {}), ("", {}),
        ("Linear", {}), ("Linear", {"in_features": -1, "out_features": 2}), ("Linear", {"in_features": "a", "out_features": 2}),
        ("Linear", {"in_features": 2**62, "out_features": 2**62}), ("Linear", {"in_features": 2, "out_features": 2}),
        ("Linear", {"in_features": 2, "out_features": 2, "device": "cuda"}), ("Linear", {1: 2}),
        ("GroupNorm", {"num_groups": 0, "num_channels": 2}), ("MultiheadAttention", {"embed_dim": 3, "num_heads": 2}),
        ("MultiheadAttention", {"embed_dim": 3, "num_heads": 0}), ("LazyLinear", {"out_features": 2}),
        ("LSTM", {"input_size": 0, "hidden_size": 0}), ("Conv2d", {"in_channels": 1, "out_channels": 1, "kernel_size": 10**9}),
        ("Embedding", {"num_embeddings": 3, "embedding_dim": 2, "padding_idx": 99}), ("Bilinear", {"in1_features": 0}),
        ("TransformerEncoderLayer", {"d_model": 4, "nhead": 1, "activation": print}),
        ("AdaptiveLogSoftmaxWithLoss", {"in_features": 2, "n_classes": 3, "cutoffs": [99]}),
    ],
)  # fmt: skip
def test_a_network_that_cannot_be_is_one_class_of_error(name, options):
    with pytest.raises(wire.WireError):
        build(name, options)


def test_options_of_layers_are_plain_data():
    """What can be called would be called by the examiner."""
    called = []
    for name in ("TransformerEncoderLayer", "TransformerDecoderLayer"):
        plan = [name, {"d_model": 4, "nhead": 1, "activation": called.append}, []]
        with torch.device("meta"), pytest.raises(wire.WireError):
            wire._layer(plan, 0)


def exchange(sent, seconds=1.0):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        thread = threading.Thread(target=sent, args=(theirs,))
        thread.start()
        channel = wire.Channel(ours)
        channel.deadline = time.monotonic() + seconds
        try:
            return channel.receive()
        finally:
            ours.close()
            thread.join()


def header(text, blob=b"", length=None, size=None):
    return (
        struct.pack("<II", len(text) if length is None else length, len(blob) if size is None else size)
        + text
        + blob
    )


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 10_000, b'{"a":' * 50_000, b"nul", b"\0"]
)
def test_what_is_no_json_is_a_wire_error(text):
    with pytest.raises(wire.WireError):
        exchange(lambda stream: stream.sendall(header(text)))


@pytest.mark.parametrize(("length", "size"), [(2**32 - 1, 0), (0, 2**32 - 1), (wire.JSON_BYTES + 1, 0)])
def test_a_frame_that_is_too_large_is_refused_before_it_comes(length, size):
    with pytest.raises(wire.WireError):
        exchange(lambda stream: stream.sendall(header(b"", length=length, size=size)))


@pytest.mark.parametrize("cut", [0, 3, 8, 9])
def test_a_frame_that_ends_early_is_the_end(cut):
    with pytest.raises((EOFError, OSError)):
        exchange(lambda stream: (stream.sendall(header(json.dumps([1] * 9).encode())[:cut]), stream.close()))


def test_a_frame_in_drops_is_late():
    def drip(stream):
        try:
            stream.sendall(header(b"", length=1000))
            while True:
                stream.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            pass

    start = time.monotonic()
    with pytest.raises(TimeoutError):
        exchange(drip, seconds=0.5)
    assert time.monotonic() - start < 3
