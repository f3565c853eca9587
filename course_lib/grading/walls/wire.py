"""Plain data over a socket: numbers, strings, containers, arrays, tensors, networks of stock layers.

No pickle, no eval: whatever the other side sends, decoding it yields plain data or a :class:`WireError`.
A message is JSON followed by the bytes of its arrays. In the JSON, a scalar is itself and anything else
is a list that starts with a tag, such as ``["l", 1, 2]`` for the list ``[1, 2]``.
"""

import inspect
import json
import math
import socket
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

JSON_BYTES, MESSAGE_BYTES = 32 << 20, 256 << 20
DEPTH, PARTS, KEYS = 40, 200_000, 10_000  # of one message; of one dictionary or set

_TENSORS = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}
_ARRAYS = {
    name: np.dtype(name)
    for name in [
        "float64",
        "float32",
        "float16",
        "complex128",
        "complex64",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint64",
        "uint32",
        "uint16",
        "uint8",
        "bool",
    ]
}


class WireError(Exception):
    """Something that cannot travel, or that cannot be read."""


class Encoder:
    """Turns values into JSON and collects the bytes of arrays in ``blobs``.

    Parameters
    ----------
    other : callable
        Called with this encoder and what is no plain data (objects, functions, tensors that require
        gradients); returns a list with a tag of its own, or raises.
    """

    def __init__(self, other: Callable[["Encoder", Any], Any]) -> None:
        self._other = other
        self.blobs: list[bytes | memoryview] = []
        self._offset = self._parts = 0

    def __call__(self, value: Any, depth: int = 0) -> Any:
        """Return a value as JSON."""
        kind = type(value)
        if value is None or kind in (bool, float, str):
            return value
        if kind is int:
            return value if abs(value) < 2**53 else ["i", hex(value)]
        self._parts += 1
        if depth > DEPTH or self._parts > PARTS:
            raise WireError("a value is nested too deep, contains itself, or has too many parts")
        if kind in (list, tuple, torch.Size, set, frozenset):
            tag = "l" if kind is list else "s" if kind in (set, frozenset) else "t"
            return [tag, *(self(item, depth + 1) for item in value)]
        if kind in (dict, OrderedDict):
            return ["d", *([self(k, depth + 1), self(v, depth + 1)] for k, v in value.items())]
        if kind is np.ndarray and value.dtype.name in _ARRAYS:
            order = _order(value.strides)
            content = np.ascontiguousarray(value.transpose(order)).tobytes()
            return ["n", value.dtype.name, list(value.shape), order, self._blob(content)]
        if isinstance(value, np.generic) and value.dtype.name in _ARRAYS:
            return ["g", value.dtype.name, self._blob(value.tobytes())]
        if kind is torch.Tensor and not value.requires_grad:
            return self.tensor(value)
        if kind is bytes:
            return ["b", self._blob(value), len(value)]
        if kind is complex:
            return ["c", value.real, value.imag]
        if kind is slice:
            return ["slice", *(self(part, depth + 1) for part in (value.start, value.stop, value.step))]
        if kind is torch.dtype:
            return ["dtype", str(value).removeprefix("torch.")]
        if value is Ellipsis:
            return ["..."]
        return self._other(self, value)

    def tensor(self, value: torch.Tensor) -> list[Any]:
        """Return a tensor's numbers as JSON; its axes keep their order in memory."""
        value = value.as_subclass(torch.Tensor)
        plain = value.detach().cpu().resolve_conj().resolve_neg()
        if plain.layout is not torch.strided or str(plain.dtype).removeprefix("torch.") not in _TENSORS:
            raise WireError(f"a tensor of layout {plain.layout}, {plain.dtype} cannot travel")
        order = _order(plain.stride())
        dense = plain.permute(order).contiguous()
        if dense.dtype is torch.bfloat16:
            dense = dense.view(torch.int16)
        content = dense.numpy().tobytes()
        return ["T", str(plain.dtype).removeprefix("torch."), list(plain.shape), order, self._blob(content)]

    def _blob(self, content: bytes) -> int:
        self.blobs.append(content)
        self._offset += len(content)
        if self._offset > MESSAGE_BYTES:
            raise WireError("a value is too large")
        return self._offset - len(content)


class Decoder:
    """Turns JSON and bytes back into values.

    Parameters
    ----------
    blob : memoryview
        The bytes of all arrays of the message.
    other : callable
        Called with this decoder, the tag and the rest of a list whose tag is not one of plain data.
    """

    def __init__(self, blob: memoryview, other: Callable[["Decoder", str, list[Any]], Any]) -> None:
        self._blob, self._other, self._parts = blob, other, 0

    def __call__(self, coded: Any, depth: int = 0) -> Any:
        """Return the value.

        Raises
        ------
        WireError
            Also for what is damaged on purpose.
        """
        if coded is None or type(coded) in (bool, float, str, int):
            return coded
        self._parts += 1
        if depth > DEPTH + 5 or self._parts > 2 * PARTS:
            raise WireError("too deep or too many parts")
        if type(coded) is not list or not coded or type(coded[0]) is not str:
            raise WireError("no tag")
        try:
            return self._tagged(coded[0], coded[1:], depth + 1)
        except (TypeError, ValueError, KeyError, IndexError, OverflowError, AttributeError) as error:
            raise WireError(f"damaged ({type(error).__name__})") from error

    def _tagged(self, tag: str, rest: list[Any], depth: int) -> Any:
        match tag:
            case "l":
                return [self(item, depth) for item in rest]
            case "t":
                return tuple(self(item, depth) for item in rest)
            case "d" | "s" if len(rest) > KEYS:  # keys made to collide would take minutes
                raise WireError("too many keys")
            case "d":
                return {self(k, depth): self(v, depth) for k, v in rest}
            case "s":
                return {self(item, depth) for item in rest}
            case "n":
                name, shape, order, start = rest
                content, shape = self._bytes(_ARRAYS[name].itemsize, shape, order, start)
                return _sane(np.frombuffer(content, _ARRAYS[name])).reshape(shape).transpose(_back(order))
            case "g":
                content, _ = self._bytes(_ARRAYS[rest[0]].itemsize, [], [], rest[1])
                return _sane(np.frombuffer(content, _ARRAYS[rest[0]]))[0]
            case "T":
                name, shape, order, start = rest
                return self._tensor(_TENSORS[name], shape, order, start)
            case "i":
                return int(rest[0][:3500], 16)  # more digits than that Python does not print
            case "b":
                return bytes(self._slice(rest[0], rest[1]))
            case "c":
                return complex(float(rest[0]), float(rest[1]))
            case "slice":
                return slice(*(self(part, depth) for part in rest))
            case "dtype":
                return _TENSORS[rest[0]]
            case "...":
                return ...
        return self._other(self, tag, rest)

    def _tensor(self, dtype: torch.dtype, shape: Any, order: Any, start: Any) -> torch.Tensor:
        content, shape = self._bytes(dtype.itemsize, shape, order, start)
        if dtype is torch.bool:
            content = bytearray(_sane(np.frombuffer(content, bool)).tobytes())
        flat = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        return flat.reshape(shape).permute(_back(order))

    def _bytes(self, size: int, shape: Any, order: Any, start: Any) -> tuple[bytearray, list[int]]:
        """Return an array's bytes and its shape in memory."""
        if not all(type(n) is int and 0 <= n < 2**40 for n in shape) or len(shape) > 32:
            raise WireError("no shape")
        if sorted(order) != list(range(len(shape))):
            raise WireError("no order of axes")
        return bytearray(self._slice(start, size * math.prod(shape))), [shape[axis] for axis in order]

    def _slice(self, start: Any, length: Any) -> memoryview:
        if type(start) is not int or type(length) is not int or not 0 <= start <= start + length:
            raise WireError("no place")
        if start + length > len(self._blob):
            raise WireError("bytes are missing")
        return self._blob[start : start + length]


def _order(strides: Sequence[int]) -> list[int]:
    """Return the axes as they lie in memory, the outermost first."""
    return sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))


def _back(order: Sequence[int]) -> list[int]:
    return sorted(range(len(order)), key=lambda axis: order[axis])


def _sane(array: np.ndarray) -> np.ndarray:
    """Return an array whose booleans are 0 or 1, whatever bytes came."""
    return array.view(np.uint8) != 0 if array.dtype == bool else array


# Networks of stock layers travel by value: how to build each layer, and its numbers.


def describe(network: torch.nn.Module) -> list[Any] | None:
    """Return how to build a network from layers of ``torch.nn``; None if it holds anything else."""
    name = type(network).__name__
    if getattr(torch.nn, name, None) is not type(network):
        return None
    if isinstance(network, torch.nn.Sequential | torch.nn.ModuleList):
        children = [[key, describe(child)] for key, child in network.named_children()]
        return None if any(child is None for _, child in children) else [name, {}, children]
    options = {}
    for option in _options(network):
        if option in network.__dict__ or option in network._parameters:
            value = getattr(network, option)
            options[option] = value is not None if option == "bias" and type(value) is not bool else value
    return [name, options, []]


def _options(layer: torch.nn.Module) -> Iterator[str]:
    if isinstance(layer, torch.nn.RNNBase):  # whose __init__ names none
        yield from ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout")
        yield from (
            ("bidirectional", "nonlinearity") if isinstance(layer, torch.nn.RNN) else ("bidirectional",)
        )
        return
    yield from (set(inspect.signature(type(layer).__init__).parameters) - {"self", "device", "dtype"})


def numbers(network: torch.nn.Module) -> dict[str, Any]:
    """Return all that changes in a network of stock layers: its tensors, gradients and switches."""
    return {
        "state": {name: tensor.detach() for name, tensor in network.state_dict().items()},
        "gradients": {n: p.grad.detach() for n, p in network.named_parameters() if p.grad is not None},
        "trainable": [parameter.requires_grad for parameter in network.parameters()],
        "training": [module.training for module in network.modules()],
    }


def build(plan: Any, content: dict[str, Any]) -> torch.nn.Module:
    """Build a network from what :func:`describe` and :func:`numbers` returned.

    Raises
    ------
    WireError
        When the two do not fit together.
    """
    try:
        with torch.device("meta"):
            network = _layer(plan, 0)
        return _filled(network, content)
    except WireError:
        raise
    except Exception as error:  # layers check their options with all kinds of exceptions
        raise WireError(f"a network that cannot be built ({type(error).__name__})") from error


def _filled(network: torch.nn.Module, content: dict[str, Any]) -> torch.nn.Module:
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    state = content["state"]
    if shapes != {name: tensor.shape for name, tensor in state.items()}:
        raise WireError("the network's tensors do not fit its layers")
    network = network.to_empty(device="cpu")
    for name, parameter in network.named_parameters():
        parameter.data = torch.empty_like(state[name])
    fill(network, content)
    return network


def _layer(plan: Any, depth: int) -> torch.nn.Module:
    name, options, children = plan
    kind = getattr(torch.nn, name, None)
    if depth > DEPTH or not (isinstance(kind, type) and issubclass(kind, torch.nn.Module)):
        raise WireError("no layer of torch.nn")
    if not kind.__module__.startswith("torch.nn.modules."):
        raise WireError("no layer of torch.nn")
    if not all(type(name) is str and _is_plain(value) for name, value in options.items()):
        raise WireError("a layer's options are plain data")
    layer: torch.nn.Module = kind(**options)
    for key, child in children:
        layer.add_module(key, _layer(child, depth + 1))
    return layer


def _is_plain(value: Any) -> bool:
    """Whether an option of a layer is data: some take functions, which would be the student's own."""
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def fill(network: torch.nn.Module, content: dict[str, Any]) -> None:
    """Give a network the numbers that :func:`numbers` returned.

    Raises
    ------
    WireError
        When a tensor's shape or dtype is not the network's.
    """
    try:
        with torch.no_grad():
            for name, tensor in network.state_dict(keep_vars=True).items():
                new = content["state"][name]
                if new.shape != tensor.shape or new.dtype != tensor.dtype:
                    raise WireError(f"the network's {name} has changed its shape or dtype")
                tensor.data.copy_(new)
            parameters = dict(network.named_parameters())
            for (name, parameter), trainable in zip(parameters.items(), content["trainable"], strict=True):
                parameter.requires_grad_(bool(trainable))
                gradient = content["gradients"].get(name)
                parameter.grad = None if gradient is None else gradient.reshape(parameter.shape).clone()
            for module, training in zip(network.modules(), content["training"], strict=True):
                module.training = bool(training)
    except (KeyError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise WireError(f"the network that came does not fit ({type(error).__name__})") from error


class Channel:
    """Messages over a stream socket.

    ``deadline``, in seconds of :func:`time.monotonic`, holds for all of a message; afterwards
    ``TimeoutError`` is raised. None waits for ever.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self.deadline: float | None = None

    def send(self, message: Any, blobs: Sequence[bytes | memoryview] = ()) -> None:
        """Send JSON and the bytes that belong to it."""
        text = json.dumps(message, separators=(",", ":")).encode()
        size = sum(map(len, blobs))
        if len(text) > JSON_BYTES or size > MESSAGE_BYTES:
            raise WireError(f"a value is too large ({len(text) + size:,} bytes)")
        header = struct.pack("<II", len(text), size)
        self._wait()
        if size < 1 << 18:
            self._stream.sendall(b"".join((header, text, *blobs)))
            return
        self._stream.sendall(header + text)
        for blob in blobs:
            self._wait()
            self._stream.sendall(blob)

    def receive(self) -> tuple[Any, memoryview]:
        """Return a message and the bytes that belong to it.

        Raises
        ------
        WireError
            When it cannot be read.
        EOFError, OSError
            When the other side is gone.
        """
        length, size = struct.unpack("<II", self._exactly(8))
        if length > JSON_BYTES or size > MESSAGE_BYTES:
            raise WireError("a message is too large")
        text, blob = self._exactly(length), self._exactly(size)
        try:
            return json.loads(bytes(text)), memoryview(blob)
        except (ValueError, RecursionError) as error:
            raise WireError("a message is no JSON") from error

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def _exactly(self, count: int) -> bytearray:
        content = bytearray()
        while len(content) < count:  # grows with what comes, not with what is promised
            self._wait()
            part = self._stream.recv(min(count - len(content), 1 << 20))
            if not part:
                raise EOFError("the other side closed the connection")
            content += part
        return content

    def _wait(self) -> None:
        """Let the next operation take no longer than the deadline allows."""
        if self.deadline is None:
            self._stream.settimeout(None)
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is up")
        self._stream.settimeout(left)
