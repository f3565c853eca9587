"""The trusted side of an examination: a student's names as proxies, over a socket to the student's side.

A check runs here, unchanged. Where it calls a student's function the arguments travel as plain data, the
function runs over there, and plain data comes back; so nothing a student patches can change a comparison.
See :mod:`course_lib.grading.walls.wire` for what can travel, and docs/authoring.md for what that means
for the author of a check.
"""

import builtins
import inspect
import textwrap
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
import torch

from course_lib.grading.walls import wire

_KNOWN = {*vars(builtins), "function", "method", "generator", "ndarray"}  # classes that messages name
_WATCHED = 500  # of a student's parameters, those that a check has seen last

# Exceptions that a check may wait for by name. StopIteration is none of them: raised by a student's
# function inside all(map(…)), it would end the loop, and the check would pass.
_EXPECTED = {
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and not issubclass(kind, StopIteration | Warning)
} - {"Exception", "StopAsyncIteration"}
# These are not made of a text alone; a check sees the class above them.
_EXPECTED -= {"UnicodeDecodeError", "UnicodeEncodeError", "UnicodeTranslateError", "ExceptionGroup"}


class StudentError(Exception):
    """An exception that the student's code raised; it is also an instance of the builtin class."""

    student_class = ""  # the name of the builtin class it belongs to


class WrongKindError(StudentError):
    """Something came back that the reference does not give back there."""


class Silence(BaseException):
    """The student's side is gone, or does not answer. No handler in a check may catch it."""


class Ended(BaseException):
    """The time for a check is up. No handler in a check may catch it."""


def _student_error(kinds: list[str], text: str, stop: bool) -> StudentError:
    """Make the exception that a check sees, of the builtin class that is nearest to the student's."""
    allowed = _EXPECTED | ({"StopIteration"} if stop else set())
    name = next((kind for kind in kinds if kind in allowed), "")
    if not name:
        return StudentError(f"{kinds[0] if kinds else 'error'}: {text}")
    kind = type(name, (StudentError, getattr(builtins, name)), {"student_class": name})
    error: StudentError = kind(text)
    return error


class InOut:
    """An argument whose changes the check wants back."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Border:
    """A session with the student's side.

    Parameters
    ----------
    channel : wire.Channel
    allowed : set of str, optional
        Where objects may come back instead of plain data, such as ``"MLP()"``: where the reference gave
        one. None allows all and notes them in ``seen``.
    """

    def __init__(self, channel: wire.Channel, allowed: frozenset[str] | None = None) -> None:
        self._channel = channel
        self._allowed = allowed
        self.seen: set[str] = set()
        self._free: list[int] = []  # numbers of objects over there that nobody holds any more
        self._callbacks: dict[int, Callable[..., Any]] = {}
        self._raised: dict[int, BaseException] = {}
        self._networks: dict[int, torch.nn.Module] = {}
        self._watched: list[_Watched] = []
        self._calls = 0
        self._spark = torch.zeros((), requires_grad=True)  # makes every result part of a graph
        # Of the request at hand
        self._inouts: list[Any] = []
        self._leaves: list[torch.Tensor] = []
        self._graph: list[torch.Tensor] = []
        self._path = ""

    # What the proxies and the examiner ask for

    def name(self, name: str) -> "Handle":
        """Return a proxy for a function or a class of the notebook, whether it exists or not."""
        return Handle(self, name, name, "function")

    def get(self, name: str) -> Any:
        """Return the value of a variable of the notebook."""
        return self.ask("get", name, name=name)

    def call(self, handle: "Handle", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a student's function."""
        self._calls += 1
        return self.ask(
            "call",
            f"{handle._path}()",
            {"function": handle, "args": list(args), "kwargs": kwargs},
            grad=torch.is_grad_enabled(),
            id=self._calls,
        )

    def define(self, function: Callable[..., Any]) -> "Handle":
        """Define a function that the author of a check wrote for the student's side."""
        source = textwrap.dedent(inspect.getsource(function))
        self.ask("define", "", source=source, name=function.__name__)
        if self._allowed is not None:  # its source is the author's own
            self._allowed |= {f"{function.__name__}()"}
        return self.name(function.__name__)

    def seed(self, function: str, value: int | None) -> None:
        """Call a seeding function over there, such as ``"torch.manual_seed"``."""
        self.ask("seed", "", function=function, seed=value)

    def remember(self, place: int) -> None:
        """Keep the names as they are now, for a check that runs later."""
        self.ask("remember", "", place=place)

    def recall(self, place: int) -> None:
        """Go back to the names that were kept for a place."""
        self.ask("recall", "", place=place)

    def leave(self) -> None:
        """Give the kernel back to the notebook."""
        self._send({"do": "leave"}, [])

    def ask(self, do: str, path: str, coded: dict[str, Any] | None = None, **plain: Any) -> Any:
        """Let the student's side do one thing, and return what came of it.

        Parameters
        ----------
        path : str
            How a check wrote it, such as ``"MLP().weights"``.
        coded : dict
            What has to be encoded.
        """
        if do != "write":
            self._carry_over()
        self._inouts, self._leaves = [], []
        encode = wire.Encoder(self._coded)
        message: dict[str, Any] = {"do": do, **plain, **{k: encode(v) for k, v in (coded or {}).items()}}
        message["plain"] = self._allowed is not None and path not in self._allowed
        if self._free:
            message["free"], self._free = self._free, []
        inouts, leaves = self._inouts, self._leaves
        self._send(message, encode.blobs)
        answer = self._answer(do, path)
        value = answer.get("value")
        graph = self._graph
        self._write_back(inouts, answer.get("inouts"), answer.get("networks"))
        if do == "call" and plain["grad"] and graph:
            return self._attached(value, plain["id"], graph, leaves)
        return value

    # Messages

    def _send(self, message: Any, blobs: list[bytes | memoryview]) -> None:
        try:
            self._channel.send(message, blobs)
        except OSError as error:
            raise self._gone(error) from error

    def _gone(self, error: BaseException) -> BaseException:
        if isinstance(error, TimeoutError):
            return Ended("the time is up")
        return Silence(str(error) or type(error).__name__)

    def _answer(self, do: str, path: str) -> dict[str, Any]:
        """Return the decoded answer to a request, after all the callbacks that came before it."""
        earlier = len(self._raised)
        while True:
            try:
                message, blob = self._channel.receive()
            except (OSError, EOFError) as error:
                raise self._gone(error) from error
            except wire.WireError as error:
                raise Silence(f"what came back cannot be read: {error}") from error
            self._path, self._graph = path, []
            if type(message) is not dict:
                raise Silence("what came back cannot be read")
            if "error" in message:
                self._fail(message, do, earlier)
            decode = wire.Decoder(blob, self._special)
            try:
                if "callback" not in message:
                    return {part: decode(coded) for part, coded in message.items()}
            except wire.WireError as error:
                raise StudentError(f"{path} gave back what cannot be read ({error})") from error
            try:
                function = self._callbacks[decode(message["callback"])]
                args, kwargs = list(decode(message["args"])), dict(decode(message["kwargs"]))
            except (StudentError, wire.WireError, KeyError, TypeError, ValueError) as error:
                self._send_error(StudentError(f"{path} called a function with what cannot be read ({error})"))
                continue
            self._call_back(function, args, kwargs)

    def _fail(self, message: dict[str, Any], do: str, earlier: int) -> NoReturn:
        kinds, number = message["error"], message.get("callback")
        if type(number) is int and number > earlier and number in self._raised:  # a check's own function
            raise self._raised[number]
        if type(kinds) is not list:
            kinds = []
        text = " ".join(str(message.get("text", ""))[:2000].split("\n"))  # lines would look like hints
        raise _student_error([str(kind)[:80] for kind in kinds[:20]], text, stop=do == "next")

    def _call_back(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        """Call a check's own function for the student's, and send what it returns or raises."""
        inouts, leaves = self._inouts, self._leaves
        encode = wire.Encoder(self._coded)
        try:
            message: dict[str, Any] = {"value": encode(function(*args, **kwargs))}
            self._send(message, encode.blobs)
        except StopIteration as error:  # would end a loop of the check's, as a generator's own must not
            self._send_error(RuntimeError(f"a function raised {type(error).__name__}"))
        except Exception as error:
            self._send_error(error)
        self._inouts, self._leaves = inouts, leaves

    def _send_error(self, error: Exception) -> None:
        """Let a callback raise an exception over there; if it comes back, this one goes on here."""
        number = len(self._raised) + 1
        self._raised[number] = error
        named = [kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _EXPECTED]
        name = named[0] if named else "Exception"
        self._send({"error": name, "text": str(error)[:2000], "id": number}, [])

    # What comes and goes beside plain data

    def _coded(self, encode: wire.Encoder, value: Any) -> Any:
        if type(value) is Handle:
            return ["object" if type(value._key) is int else "name", value._key]
        if type(value) is InOut:
            self._inouts.append(value.value)
            return ["inout", encode(value.value)]
        if isinstance(value, torch.nn.Module):
            return self._sent_network(encode, value)
        if type(value) in (torch.Tensor, torch.nn.Parameter):
            if not value.requires_grad:
                return encode.tensor(value)
            self._leaves.append(value)
            return ["leaf", encode.tensor(value), encode(value.grad if value.is_leaf else None)]
        if callable(value) and not isinstance(value, type):
            self._callbacks[id(value)] = value
            return ["callback", id(value)]
        raise TypeError(
            f"A check cannot hand a {type(value).__name__} to a student's function: make it in a function "
            "marked @student_side."
        )

    def _sent_network(self, encode: wire.Encoder, network: torch.nn.Module) -> Any:
        number, plan = id(network), None
        if number not in self._networks:
            plan = wire.describe(network)
            if plan is None:
                raise TypeError(
                    f"Only layers of torch.nn travel; make a {type(network).__name__} in a function marked "
                    "@student_side."
                )
            self._networks[number] = network
        return ["network", number, encode(plan), encode(wire.numbers(network))]

    def _received_network(self, plan: Any, content: Any, numbers: Any) -> torch.nn.Module:
        """Return a copy of a student's network; what a check writes into it is carried over."""
        try:
            network = wire.build(plan, content)
            for module in network.modules():  # the inputs of a check are not for it to overwrite
                if getattr(module, "inplace", False):
                    module.inplace = False  # type: ignore[assignment]
            parameters = zip(network.parameters(), numbers, strict=True)
            self._watched += [_Watched(number, parameter) for parameter, number in parameters]
        except (TypeError, ValueError, RuntimeError, KeyError) as error:
            raise wire.WireError(f"a network that cannot be built ({error})") from error
        return network

    def _special(self, decode: wire.Decoder, tag: str, rest: list[Any]) -> Any:
        match tag:
            case "object" if type(rest[0]) is int:
                kind = rest[1] if rest[1] in _KNOWN else "of a class of its own"
                if self._allowed is not None and self._path not in self._allowed:
                    raise WrongKindError(
                        f"{self._path} gave an object ({kind}) where numbers, text, lists or arrays are due."
                    )
                self.seen.add(self._path)
                return Handle(self, rest[0], self._path, kind)
            case "leaf":
                number, leaf, gradient = rest[0], decode(rest[1]).requires_grad_(), decode(rest[2])
                if isinstance(gradient, torch.Tensor) and gradient.shape == leaf.shape:
                    leaf.grad = gradient.to(leaf.dtype)
                self._watched.append(_Watched(number, leaf))
                return leaf
            case "graph":
                self._graph.append(decode(rest[0]))
                return self._graph[-1]
            case "network":
                return self._received_network(decode(rest[0]), decode(rest[1]), rest[2])
        raise wire.WireError("unknown tag")

    def _write_back(self, inouts: list[Any], changed: Any, networks: Any) -> None:
        """Give arguments marked with ``inout`` and networks the values they have over there."""
        try:
            for old, new in zip(inouts, changed or [], strict=True):
                _replace(old, new)
            for number, content in (networks or {}).items():
                wire.fill(self._networks[number], content)
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, wire.WireError) as error:
            raise StudentError(f"an argument came back as something else ({error})") from error

    def _carry_over(self) -> None:
        """Send over what a check has written into a student's parameter."""
        self._watched = self._watched[-_WATCHED:]
        for watched in self._watched:
            now = watched.tensor.detach()
            if now.shape != watched.known.shape or not now.allclose(watched.known, 0, 0, equal_nan=True):
                watched.known = watched.tensor.detach().clone()
                self.ask("write", "", {"value": watched.known}, object=watched.number)

    def _attached(self, value: Any, call: int, graph: list[torch.Tensor], leaves: list[torch.Tensor]) -> Any:
        """Return a result whose tensors know how to ask the student's side for gradients."""
        places = {id(tensor): i for i, tensor in enumerate(graph)}
        made = _Crossing.apply(self, call, len(graph), self._spark, *graph, *leaves)
        weakref.finalize(made[0].grad_fn, self._free.append, -call)

        def replaced(item: Any) -> Any:
            if isinstance(item, torch.Tensor) and id(item) in places:
                return made[places[id(item)]]
            if type(item) in (list, tuple):
                return type(item)(map(replaced, item))
            return {k: replaced(v) for k, v in item.items()} if type(item) is dict else item

        return replaced(value)


class _Watched:
    """A student's parameter of which the examiner has a copy."""

    def __init__(self, number: int, tensor: torch.Tensor) -> None:
        self.number, self.tensor, self.known = number, tensor, tensor.detach().clone()


class _Crossing(torch.autograd.Function):
    """Hands gradients over the border: the backward pass of a call runs on the student's side."""

    @staticmethod
    def forward(ctx: Any, border: Border, call: int, count: int, spark: Any, *tensors: Any) -> Any:
        ctx.border, ctx.call = border, call
        return tuple(tensor.clone() for tensor in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        inputs = ctx.needs_input_grad[4 + len(gradients) :]
        sent = {"gradients": [gradient.contiguous() for gradient in gradients]}
        result = ctx.border.ask("backward", "backward()", sent, id=ctx.call)
        if type(result) is not list or len(result) != len(inputs):
            raise StudentError("the backward pass gave back what are no gradients")
        return (None, None, None, None, *[None] * len(gradients), *result)


def _replace(old: Any, new: Any) -> None:
    if type(old) is not type(new):
        raise TypeError(f"{type(new).__name__} in place of {type(old).__name__}")
    if isinstance(old, torch.Tensor):
        old.data.copy_(new) if old.shape == new.shape else old.data.set_(new)
    elif isinstance(old, np.ndarray):
        old[...] = new
    elif isinstance(old, list):
        old[:] = new
    elif isinstance(old, dict | set):
        old.clear()
        old.update(new)


class Handle:
    """Stands for something on the student's side: call it, take its attributes and items, iterate.

    Comparing it, or using it as a number, is refused: the student's side would decide the outcome.
    """

    __slots__ = ("__weakref__", "_border", "_key", "_kind", "_path")

    def __init__(self, border: Border, key: int | str, path: str, kind: str) -> None:
        for name, value in (("_border", border), ("_key", key), ("_path", path), ("_kind", kind)):
            object.__setattr__(self, name, value)
        if type(key) is int:
            weakref.finalize(self, border._free.append, key)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it on the student's side."""
        return self._border.call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_repr", "_ipython")):  # what NumPy, torch and IPython look for
            raise AttributeError(name)
        return self._border.ask("attribute", f"{self._path}.{name}", {"object": self}, name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._border.ask("set", "", {"object": self, "value": value}, name=name)

    def __iter__(self) -> Iterator[Any]:
        if self._path.endswith(".iter"):
            return self
        path = f"{self._path}.iter"
        if self._border._allowed is not None:
            self._border._allowed |= {path}
        iterator: Iterator[Any] = self._border.ask("iterate", path, {"object": self})
        return iterator

    def __next__(self) -> Any:
        return self._border.ask("next", f"{self._path}.next", {"object": self})

    def __len__(self) -> int:
        length = self._border.ask("length", "", {"object": self})
        if type(length) is not int or length < 0:
            raise StudentError("len() gave no number")
        return length

    def __instancecheck__(self, value: Any) -> bool:
        asked = {"object": value, "kind": self}
        return type(value) is Handle and self._border.ask("isinstance", "", asked) is True

    def __contains__(self, value: Any) -> bool:
        return self._border.ask("operate", "", {"args": [self, value]}, name="contains") is True

    def __repr__(self) -> str:
        return f"<the student's {self._kind} {self._path}>"

    def _refuse(self, *others: Any) -> NoReturn:
        raise TypeError(f"{self!r} is an object, not a number or an array: compare its plain parts.")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __float__ = __int__ = __index__ = __array__ = _refuse
    __hash__ = object.__hash__


def _forwarded(name: str, path: str, swapped: bool = False) -> Callable[..., Any]:
    def operate(self: Handle, *others: Any) -> Any:
        args = [*others, self] if swapped else [self, *others]
        return self._border.ask("operate", f"{self._path}{path}", {"args": args}, name=name)

    return operate


for _name, _path in (("getitem", "[]"), ("setitem", ""), ("neg", "+")):
    setattr(Handle, f"__{_name}__", _forwarded(_name, _path))
for _name in ("add", "sub", "mul", "truediv", "matmul", "pow"):
    setattr(Handle, f"__{_name}__", _forwarded(_name, "+"))
    setattr(Handle, f"__r{_name}__", _forwarded(_name, "+", swapped=True))
