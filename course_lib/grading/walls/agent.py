"""The student's side of an examination: does what the examiner asks, with the student's own objects.

It runs in the student's kernel, so nothing it says is believed; the examiner checks whatever comes.
"""

import builtins
import collections
import contextlib
import importlib
import itertools
import operator
import os
import socket
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from course_lib.grading.walls import wire

_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
_SEQUENCES: tuple[type, ...] = (range, collections.deque, *_VIEWS)
_ITERATORS: tuple[type, ...] = (
    *(type(_ for _ in ()), type(iter([])), itertools.chain),
    *(map, filter, zip, enumerate, reversed),
)

_agent: "Agent"


def connect(file: int) -> None:
    """Take over the connection to the examiner, before any of the student's code runs."""
    global _agent
    _agent = Agent(wire.Channel(socket.socket(fileno=file)))


def serve() -> None:
    """Answer the examiner until it asks for the kernel back. The names are those of the notebook."""
    from IPython import get_ipython

    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    with nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        _agent.serve(get_ipython().user_ns)


class Agent:
    """Does one thing after another with a student's names and objects."""

    def __init__(self, channel: wire.Channel) -> None:
        self._channel = channel
        self._names: dict[str, Any] = {}
        self._helpers: dict[str, Any] = {}
        self._remembered: dict[int, dict[str, Any]] = {}  # names, by the place at which they were kept
        self._objects: dict[int, Any] = {}  # that the examiner holds handles of
        self._networks: dict[int, torch.nn.Module] = {}  # that came from the examiner
        self._graphs: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
        self._count = itertools.count(1)
        # Of the request at hand
        self._inouts: list[Any] = []
        self._leaves: list[torch.Tensor] = []
        self._used: dict[int, torch.nn.Module] = {}
        self._plain = False
        self._raised: tuple[BaseException, int] | None = None

    def serve(self, names: dict[str, Any]) -> None:
        """Answer requests until one says ``leave``."""
        self._names = names
        while True:
            message, blob = self._channel.receive()
            if message["do"] == "leave":
                return
            self._inouts, self._leaves, self._used = [], [], {}
            self._plain, self._raised = bool(message.get("plain")), None
            for number in message.get("free", ()):
                self._objects.pop(number, None)
                self._graphs.pop(-number, None)
            decode = wire.Decoder(blob, self._special)
            try:
                value = getattr(self, f"_do_{message['do']}")(message, decode)
                answer = self._encoded(value=value, inouts=self._inouts, networks=self._changed())
            except BaseException as error:  # also SystemExit and KeyboardInterrupt
                answer = self._report(error), []
            self._channel.send(*answer)

    def _report(self, error: BaseException) -> dict[str, Any]:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        try:
            text = str(error)
        except Exception:
            text = ""
        trace = "".join(traceback.format_exception(error))
        report: dict[str, Any] = {"error": kinds[:20], "text": text[:2000], "trace": trace[-4000:]}
        if self._raised and error is self._raised[0]:
            report["callback"] = self._raised[1]
        return report

    def _encoded(self, **parts: Any) -> tuple[dict[str, Any], list[bytes | memoryview]]:
        encode = wire.Encoder(self._coded)
        return {name: encode(part) for name, part in parts.items()}, encode.blobs

    # What is asked for

    def _do_call(self, message: Any, decode: wire.Decoder) -> Any:
        function, args, kwargs = (decode(message[part]) for part in ("function", "args", "kwargs"))
        with torch.set_grad_enabled(bool(message["grad"])):
            result = function(*args, **kwargs)
        if message["grad"]:
            outputs = [t for t in _tensors(result) if t.requires_grad and not t.is_leaf]
            if outputs:
                self._graphs[message["id"]] = (outputs, self._leaves)
        return result

    def _do_backward(self, message: Any, decode: wire.Decoder) -> Any:
        outputs, leaves = self._graphs[message["id"]]
        for leaf in leaves:
            leaf.grad = None
        torch.autograd.backward(outputs, decode(message["gradients"]), retain_graph=True)
        return [leaf.grad for leaf in leaves]

    def _do_get(self, message: Any, decode: wire.Decoder) -> Any:
        if message["name"] not in self._names:
            raise NameError(f"name {message['name']!r} is not defined")
        return self._names[message["name"]]

    def _do_attribute(self, message: Any, decode: wire.Decoder) -> Any:
        return getattr(decode(message["object"]), message["name"])

    def _do_set(self, message: Any, decode: wire.Decoder) -> None:
        setattr(decode(message["object"]), message["name"], decode(message["value"]))

    def _do_write(self, message: Any, decode: wire.Decoder) -> None:
        self._objects[message["object"]].data.copy_(decode(message["value"]))

    def _do_operate(self, message: Any, decode: wire.Decoder) -> Any:
        return getattr(operator, message["name"])(*decode(message["args"]))

    def _do_length(self, message: Any, decode: wire.Decoder) -> Any:
        return len(decode(message["object"]))

    def _do_isinstance(self, message: Any, decode: wire.Decoder) -> Any:
        return isinstance(decode(message["object"]), decode(message["kind"]))

    def _do_iterate(self, message: Any, decode: wire.Decoder) -> Any:
        return _Held(iter(decode(message["object"])))

    def _do_next(self, message: Any, decode: wire.Decoder) -> Any:
        return next(decode(message["object"]))

    def _do_seed(self, message: Any, decode: wire.Decoder) -> None:
        module, name = message["function"].rsplit(".", 1)
        getattr(importlib.import_module(module), name)(message["seed"])

    def _do_remember(self, message: Any, decode: wire.Decoder) -> None:
        self._remembered[message["place"]] = dict(self._names)

    def _do_recall(self, message: Any, decode: wire.Decoder) -> None:
        self._names = self._remembered[message["place"]]

    def _do_define(self, message: Any, decode: wire.Decoder) -> None:
        """Define a function that the author of a check wrote for this side."""
        names = dict(self._names, student_side=lambda function: function)
        exec(message["source"], names)
        self._helpers[message["name"]] = names[message["name"]]

    # What comes and goes beside plain data

    def _special(self, decode: wire.Decoder, tag: str, rest: list[Any]) -> Any:
        """Decode a handle, a name, a callback, an argument to send back, a tensor, a network."""
        match tag:
            case "object":
                return self._objects[rest[0]]
            case "name":
                source = self._helpers if rest[0] in self._helpers else self._names
                if rest[0] not in source:
                    raise NameError(f"name {rest[0]!r} is not defined")
                return source[rest[0]]
            case "callback":
                return lambda *args, **kwargs: self._call_back(rest[0], args, kwargs)
            case "inout":
                self._inouts.append(decode(rest[0]))
                return self._inouts[-1]
            case "leaf":
                leaf = decode(rest[0]).requires_grad_()
                leaf.grad = decode(rest[1])
                self._leaves.append(leaf)
                return leaf
            case "network":
                return self._network(rest[0], decode(rest[1]), decode(rest[2]))
        raise wire.WireError(f"unknown tag {tag}")

    def _network(self, number: int, plan: Any, content: dict[str, Any]) -> torch.nn.Module:
        if number not in self._networks:
            self._networks[number] = wire.build(plan, content)
        else:
            wire.fill(self._networks[number], content)
        self._used[number] = self._networks[number]
        return self._used[number]

    def _call_back(self, number: int, args: Any, kwargs: Any) -> Any:
        self._channel.send(*self._encoded(callback=number, args=list(args), kwargs=kwargs))
        message, blob = self._channel.receive()
        if "error" in message:
            error = getattr(builtins, message["error"], Exception)(message["text"])
            self._raised = (error, message["id"])
            raise error
        return wire.Decoder(blob, self._special)(message["value"])

    def _changed(self) -> dict[int, Any]:
        return {number: wire.numbers(network) for number, network in self._used.items()}

    def _coded(self, encode: wire.Encoder, value: Any) -> Any:
        """Encode what is no plain data: as plain data if it is nearly that, else as a handle."""
        if isinstance(value, torch.Tensor):
            if not value.requires_grad:
                return encode.tensor(value)
            if not value.is_leaf:
                return ["graph", encode.tensor(value)]
            return ["leaf", self._keep(value), encode.tensor(value), encode(value.grad)]
        if isinstance(value, np.ndarray) and value.dtype != object:
            return encode(value.view(np.ndarray))
        for plain, convert in _PLAIN:
            if isinstance(value, plain):
                return encode(convert(value))
        if isinstance(value, _SEQUENCES) or (self._plain and isinstance(value, _ITERATORS)):
            return encode(_listed(value))
        if isinstance(value, torch.nn.Module):
            plan = wire.describe(value)
            if plan is not None:
                kept = [self._keep(parameter) for parameter in value.parameters()]
                return ["network", encode(plan), encode(wire.numbers(value)), kept]
        if type(value) is _Held:
            value = value.value
        return ["object", self._keep(value), type(value).__name__]

    def _keep(self, value: Any) -> int:
        number = next(self._count)
        self._objects[number] = value
        return number


class _Held:
    """Marks what must become a handle, although it could travel."""

    def __init__(self, value: Any) -> None:
        self.value = value


# Subclasses of plain data, and how to make plain data of them.
_PLAIN: tuple[tuple[type, Any], ...] = (
    (int, int.__pos__),
    (float, float.__pos__),
    (str, str.__str__),
    (list, list),
    (tuple, tuple),
    (dict, dict),
    (set, set),
    (frozenset, frozenset),
)


def _listed(value: Any) -> list[Any]:
    items = list(itertools.islice(value, wire.PARTS + 1))
    if len(items) > wire.PARTS:
        raise wire.WireError(f"a {type(value).__name__} of more than {wire.PARTS:,} items")
    return items


def _tensors(value: Any, depth: int = 0) -> Iterator[torch.Tensor]:
    """Yield the tensors in a result, in the order in which it is encoded."""
    if depth > wire.DEPTH:
        raise wire.WireError("a value is nested too deep or contains itself")
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item, depth + 1)
