"""Ordinary test cells work across the border, and what comes back cannot be anything but plain data."""

import ast
import contextlib
import socket
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.grading import border
from course_lib.grading.examiner import Cell, _compiled
from course_lib.grading.walls import agent, wire

NET = """
class Net(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)
    def forward(self, X):
        return self.layer(X).relu()
"""
VALUE = """
class Value:
    def __init__(self, data):
        self.data, self.grad, self.parents = data, 0.0, ()
    def __add__(self, other):
        result = Value(self.data + (other.data if isinstance(other, Value) else other))
        result.parents = (self, other)
        return result
    __radd__ = __add__
    def __neg__(self):
        return Value(-self.data)
"""

# Name: the student's code, a check that must pass, and the reference if it differs.
IDIOMS = {
    "numbers": ("def f(x): return x * 2", "assert f(3) == 6 and f(2.5) == 5.0 and f(2**70) == 2**71"),
    "containers": (
        "def f(a, *rest, k=None, **more): return {'a': a, 'rest': rest, 1: [(more, k)]}",
        "assert f(1, 2, (3, 4), z='q') == {'a': 1, 'rest': (2, (3, 4)), 1: [({'z': 'q'}, None)]}",
    ),
    "odd values": (
        "def f(x): return x",
        "for x in (b'ab', 1 + 2j, slice(1, None, 2), ..., torch.float16, {1, 2}, None, True, 'ü\\ud800'):\n"
        "    assert f(x) == x",
    ),
    "not a number": ("def f(): return float('nan')", "assert math.isnan(f()) and f() != f()"),
    "an array's order in memory": (
        "def f(x): return x.flags.f_contiguous, x.sum(axis=0)",
        "x = np.arange(6.0).reshape(2, 3).T\norder, total = f(x)\nassert order\nclose(total, x.sum(axis=0))",
    ),
    "a tensor's strides": (
        "def f(x): return x.stride(), x",
        "x = torch.randn(4, 3, 2).movedim(0, -1)\nstrides, same = f(x)\n"
        "assert strides == x.stride() == same.stride()\nassert torch.equal(same, x)",
    ),
    "kinds of numbers": (
        "def f(x): return x + x",
        "for name in ('float16', 'float32', 'int8', 'uint16', 'complex64'):\n"
        "    x = np.ones((2, 0, 3), name)\n    assert f(x).dtype == name and f(x).shape == (2, 0, 3)\n"
        "x = torch.ones(3, dtype=torch.bfloat16)\nassert f(x).dtype == torch.bfloat16",
    ),
    "an argument stays": ("def f(x): x[0] = 9; return x", "a = [1]\nassert f(a) == [9] and a == [1]"),
    "work in place": (
        "def f(*xs):\n    for x in xs: x[0] = 9",
        "a, b, c = [1], np.ones(2), torch.ones(2)\nf(inout(a), inout(b), inout(c))\n"
        "assert a[0] == b[0] == c[0] == 9",
    ),
    "a generator": (
        "def f(n):\n    for i in range(0, n, 2): yield list(range(i, min(i + 2, n)))",
        "assert list(f(5)) == [[0, 1], [2, 3], [4]]",
    ),
    "a generator where the reference returns a list": (
        "def f(n): return (i for i in range(n))",
        "assert f(3) == [0, 1, 2]",
        "def f(n): return list(range(n))",
    ),
    "views and ranges": (
        "def f(d): return d.keys(), d.values(), range(3)",
        "assert f({'a': 1}) == (['a'], [1], [0, 1, 2])",
    ),
    "an endless generator": (
        "def f():\n    i = 0\n    while True:\n        yield i\n        i += 1",
        "assert list(itertools.islice(f(), 3)) == [0, 1, 2]",
    ),
    "a callback": (
        "def slope(f, x, h=1e-3): return (f(x + h) - f(x - h)) / (2 * h)",
        "assert abs(slope(lambda v: v**3, 2.0) - 12) < 1e-3\nassert abs(slope(torch.sin, torch.tensor(0.0)) - 1) < 1e-3",
    ),
    "an exception in a callback": (
        "def f(g):\n    try:\n        g(1)\n    except KeyError:\n        return 'caught'",
        "def g(x): raise KeyError(x)\nassert f(g) == 'caught'\n"
        "def h(x): raise ValueError('mine')\nwith raises(ValueError): f(h)",
    ),
    "a closure": ("def f(g, h): return lambda x: g(h(x))", "assert f(lambda x: x + 1, abs)(-5) == 6"),
    "a variable": ("W = np.arange(6).reshape(2, 3)\nname = 'x'", "assert W.shape == (2, 3) and name == 'x'"),
    "an exception": (
        "class Own(ValueError): pass\ndef f(x):\n    if x < 0: raise Own('negative')",
        "with raises(ValueError): f(-1)\ntry:\n    f(-1)\nexcept ValueError as error:\n    assert 'neg' in str(error)",
    ),
    "backward": (
        "def f(x): return (x**3).sum()",
        "x = torch.tensor([1.0, 2.0], requires_grad=True)\nf(x).backward()\nclose(x.grad, 3 * x.detach() ** 2)",
    ),
    "gradcheck": (
        "def f(x): return torch.tanh(x)",
        "x = torch.randn(5, dtype=torch.float64, requires_grad=True)\nassert torch.autograd.gradcheck(f, (x,))",
    ),
    "two outputs, two inputs": (
        "def f(x, y): return x * y, (x + y).exp()",
        "x, y = (torch.randn(3, requires_grad=True) for _ in range(2))\na, b = f(x, y)\n"
        "(a.sum() + (b * b).sum()).backward()\ngot, x.grad = x.grad, None\n"
        "((x * y).sum() + ((x + y).exp() ** 2).sum()).backward()\nclose(got, x.grad)",
    ),
    "a network of one's own": (
        NET,
        "net = Net(4, 3)\nassert net(torch.randn(2, 4)).shape == (2, 3)\n"
        "assert sum(p.numel() for p in net.parameters()) == 15 and net.layer.weight.shape == (3, 4)",
    ),
    "gradients of a network's parameters": (
        NET,
        "net = Net(4, 3)\nF.mse_loss(net(torch.randn(2, 4)), torch.ones(2, 3)).backward()\n"
        "assert all(p.grad is not None for p in net.parameters())",
    ),
    "weights set by the check": (
        NET,
        "net = Net(2, 1)\nwith torch.no_grad():\n    net.layer.weight.copy_(torch.tensor([[1.0, 2.0]]))\n"
        "    net.layer.bias.zero_()\nassert net(torch.tensor([[3.0, 4.0]])).item() == 11",
    ),
    "state_dict": (
        NET,
        "net = Net(2, 1)\nnet.load_state_dict({'layer.weight': torch.ones(1, 2), 'layer.bias': torch.zeros(1)})\n"
        "assert net(torch.ones(1, 2)).item() == 2 and set(net.state_dict()) == {'layer.weight', 'layer.bias'}",
    ),
    "isinstance": (NET, "assert isinstance(Net(2, 1), Net)"),
    "operators": (
        VALUE,
        "a, b = Value(2.0), Value(3.0)\nassert (a + b).data == 5 and (1 + a).data == 3 and (-a).data == -2\n"
        "assert (a + b).parents[0].data == 2",
    ),
    "an attribute set": (VALUE, "a = Value(2.0)\na.grad = 4.0\nassert a.grad == 4"),
    "a sequence": (
        "class Data:\n    def __len__(self): return 3\n    def __getitem__(self, i):\n"
        "        if i >= 3: raise IndexError\n        return torch.full((2,), float(i)), i",
        "data = Data()\nassert len(data) == 3 and data[2][1] == 2 and [i for _, i in data] == [0, 1, 2]\n"
        "loader = torch.utils.data.DataLoader(data, batch_size=2)\nassert [len(X) for X, _ in loader] == [2, 1]",
    ),
    "a function beside the student's code": (
        "def count(m): return sum(p.numel() for p in m.parameters())",
        "@student_side\ndef build(h):\n    class Residual(nn.Module):\n        def __init__(self):\n"
        "            super().__init__()\n            self.a = nn.Linear(h, h)\n    return Residual()\n"
        "assert count(build(3)) == 12",
    ),
    "stock layers as an argument": (
        "def count(m): return sum(p.numel() for p in m.parameters())",
        "layers = [nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),\n"
        "    nn.Flatten(), nn.Dropout(0.1), nn.Linear(4, 2, bias=False), nn.LayerNorm(5), nn.Embedding(5, 3),\n"
        "    nn.LSTM(3, 4), nn.GRU(2, 3, num_layers=2, bidirectional=True), nn.RNN(3, 2, nonlinearity='relu'),\n"
        "    nn.ConvTranspose2d(2, 3, 2, stride=2), nn.Softmax(dim=1), nn.LeakyReLU(0.2), nn.AvgPool2d(2),\n"
        "    nn.Upsample(scale_factor=2), nn.GroupNorm(2, 4), nn.Sequential(nn.Linear(2, 2), nn.Tanh())]\n"
        "for layer in layers:\n    assert count(layer) == sum(p.numel() for p in layer.parameters()), layer",
    ),
    "a network that is trained over there": (
        "def step(m, X):\n    m(X).sum().backward()\n    with torch.no_grad():\n"
        "        for p in m.parameters(): p -= p.grad\n    m.eval()",
        "m, X = nn.Linear(2, 1), torch.ones(1, 2)\nbefore = m.weight.detach().clone()\nstep(m, X)\n"
        "close(m.weight, before - 1.0)\nclose(m.weight.grad, torch.ones(1, 2))\nassert not m.training\n"
        "step(m, X)\nclose(m.weight.grad, 2 * torch.ones(1, 2))",
    ),
    "a stock network returned": (
        "def f(): return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.ReLU()).eval()",
        "net = f()\nassert type(net) is nn.Sequential and not net.training and net(torch.ones(4, 3)).shape == (4, 2)\n"
        "assert net[0].weight.grad is None and net[0].weight.requires_grad",
    ),
    "no_grad": (
        "def f(x): return x * 2",
        "x = torch.ones(2, requires_grad=True)\nwith torch.no_grad():\n    y = f(x)\nassert not y.requires_grad",
    ),
    "a tensor with its gradient": (
        "def f(x): return x.grad",
        "x = torch.ones(2, requires_grad=True)\n(x * 3).sum().backward()\nclose(f(x), 3 * torch.ones(2))",
    ),
    "subclasses of plain data": (
        "import enum, collections\nclass Color(enum.IntEnum): RED = 3\nPoint = collections.namedtuple('Point', 'x y')\n"
        "def f(): return Color.RED, Point(1, 2), collections.Counter('aab'), np.matrix([[1.0]])",
        "assert f()[:3] == (3, (1, 2), {'a': 2, 'b': 1}) and type(f()[0]) is int and type(f()[3]) is np.ndarray",
    ),
    "a figure": (
        "from matplotlib.figure import Figure\ndef f():\n    figure = Figure()\n    figure.subplots().set_title('t')\n    return figure",
        "assert f().axes[0].get_title() == 't'",
    ),
}
SETUP = (
    "import itertools, math, numpy as np, torch, torch.nn as nn, torch.nn.functional as F\n"
    "from course_lib.checking import close, inout, raises, student_side"
)


class Session:
    """A student's side in a thread, and a border to it."""

    def __init__(self, source, allowed=None):
        here, there = socket.socketpair()
        names: dict[str, object] = {}
        exec(SETUP + "\n" + source, names)
        self.thread = threading.Thread(target=agent.Agent(wire.Channel(there)).serve, args=(names,))
        self.thread.start()
        self.border = border.Border(wire.Channel(here), allowed)
        self.source = source

    def check(self, source):
        names: dict[str, object] = {}
        exec(SETUP, names)
        names |= {"inout": border.InOut, "student_side": self.border.define}
        for node in ast.parse(self.source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names[node.name] = self.border.name(node.name)
            elif isinstance(node, ast.Assign):
                name = node.targets[0].id
                names[name] = self.border.get(name)
        exec(_compiled(Cell(source, "check")), names)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.border.leave()
        self.thread.join(timeout=10)


@pytest.mark.parametrize("idiom", IDIOMS)
def test_an_ordinary_check_works_across_the_border(idiom):
    source, check, *reference = IDIOMS[idiom]
    with Session(reference[0] if reference else source) as session:
        session.check(check)
    with Session(source, frozenset(session.border.seen)) as again:
        again.check(check)


@pytest.mark.parametrize(
    ("source", "check", "error", "text"),
    [
        ("class F:\n    def __eq__(self, x): return True\ndef f(): return F()", "assert f() == 1", border.WrongKindError, "f\\(\\) gave an object \\(of a class of its own\\)"),
        ("def f(): raise StopIteration", "assert all(map(lambda x: f(), [1]))", border.StudentError, "StopIteration"),
        ("def f(): raise GeneratorExit", "assert all(map(lambda x: f(), [1]))", border.StudentError, "GeneratorExit"),
        ("def f(): raise SystemExit", "f()", border.StudentError, "SystemExit"),
        ("def f(): raise AssertionError('the input is 7')", "f()", border.StudentError, "the input is 7"),
        ("def f(): return np.array([object()])", "f()", border.WrongKindError, "ndarray"),
        ("def f():\n    x = []\n    x.append(x)\n    return x", "f()", border.StudentError, "contains itself"),
        ("def f(): return range(10**9)", "f()", border.StudentError, "more than"),
        ("def f(x): pass", "f(threading.Lock())", TypeError, "student_side"),
        ("def f(x): x.append(1)", "f(inout((1,)))", border.StudentError, "no attribute 'append'"),
        ("def g(): pass", "assert g == 1", TypeError, "compare its plain parts"),
        ("def g(): pass", "assert np.array([1.0]) == g", TypeError, "compare its plain parts"),
        ("def g(): pass", "missing = g.__wrapped__", AttributeError, "__wrapped__"),
    ],
)  # fmt: skip
def test_what_is_no_plain_data_does_not_pass(source, check, error, text):
    with Session(source, frozenset()) as session, pytest.raises(error, match=text):
        session.check("import threading\n" + check)


def test_a_second_read_of_an_attribute_is_another_answer():
    """Documented in docs/authoring.md: fetch once."""
    source = (
        "class C:\n    n = 0\n    @property\n    def x(self):\n        self.n += 1\n        return self.n"
    )
    with Session(source) as session:
        session.check("c = C()\nassert (c.x, c.x) == (1, 2)")


def test_a_side_that_is_gone_or_silent_is_not_an_exception_that_a_check_could_catch():
    here, there = socket.socketpair()
    there.close()
    one = border.Border(wire.Channel(here))
    with pytest.raises(border.Silence):
        one.get("x")
    assert not issubclass(border.Silence, Exception)
    assert not issubclass(border.Ended, Exception)
    here, there = socket.socketpair()
    channel = wire.Channel(here)
    channel.deadline = 0.0
    with there, pytest.raises(border.Ended):
        border.Border(channel).get("x")


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(scalars, inner, max_size=4) | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


@given(values)
def test_plain_data_arrives_as_it_was_sent(value):
    encode = wire.Encoder(_refuse)
    here, there = socket.socketpair()
    with here, there:
        sender = threading.Thread(target=wire.Channel(here).send, args=(encode(value), encode.blobs))
        sender.start()
        coded, blob = wire.Channel(there).receive()
        sender.join()
    decoded = wire.Decoder(blob, _refuse)(coded)
    assert decoded == value
    assert type(decoded) is type(value)


jsons = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["l", "t", "d", "s", "n", "g", "T", "i", "b", "c", "slice", "dtype", "...", "float32"]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=25,
)


@given(jsons, st.binary(max_size=64))
def test_whatever_is_sent_decodes_to_plain_data_or_one_error(coded, blob):
    with contextlib.suppress(wire.WireError):
        wire.Decoder(memoryview(blob), _refuse)(coded)


def _refuse(coder, *rest):
    raise wire.WireError("no plain data")


def test_a_network_that_does_not_fit_its_plan_is_refused():
    plan, content = wire.describe(torch.nn.Linear(2, 1)), wire.numbers(torch.nn.Linear(3, 1))
    with pytest.raises(wire.WireError, match="do not fit"):
        wire.build(plan, content)
    with pytest.raises(wire.WireError, match="no layer"):
        wire.build(["functional", {}, []], content)
    huge = ["Linear", {"in_features": 2**40, "out_features": 2**20}, []]
    with pytest.raises((wire.WireError, RuntimeError)):  # without taking the memory first
        wire.build(huge, content)
