"""What compares equal to everything, is empty, or lies about what it is, passes for nothing."""

import pytest

from tests.grading.attacks import target

# Each defines lie(), which then is what every function, and the class, of the assignment returns.
LIES = {
    "equal to everything": """
class Lie:
    def __getattr__(self, name):
        return lambda *args, **kwargs: Lie()
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __bool__ = __contains__ = lambda *args: True
    __abs__ = __add__ = __sub__ = __rsub__ = __mul__ = __call__ = __getitem__ = lambda *args, **kwargs: Lie()
    __len__ = __hash__ = lambda self: 0
    __float__ = lambda self: 0.0
lie = lambda *args: Lie()""",
    "mock": "from unittest import mock\nlie = lambda *args: mock.ANY",
    "magic mock": "from unittest import mock\nlie = lambda *args: mock.MagicMock(__eq__=lambda *a: True)",
    "array that is close": """
class Lie(np.ndarray):
    __array_priority__ = 1e9
    def __array_ufunc__(self, *args, **kwargs):
        return np.True_
    def __array_function__(self, *args, **kwargs):
        return True
    __eq__ = __lt__ = __le__ = lambda *args: np.True_
lie = lambda *args: np.zeros(3).view(Lie)""",
    "array with a shape of its own": """
class Lie(np.ndarray):
    shape = property(lambda self: (7,))
    dtype = property(lambda self: np.dtype('float64'))
lie = lambda *args: np.zeros(1).view(Lie)""",
    "tensor that is equal": """
class Lie(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *args, **kwargs):
        return True
lie = lambda *args: torch.zeros(4, 3).as_subclass(Lie)""",
    "tensor with a shape of its own": """
class Lie(torch.Tensor):
    shape = property(lambda self: torch.Size([4, 3]))
    def size(self, *args):
        return torch.Size([4, 3])
    def detach(self):
        return self
    def numpy(self, **kwargs):
        return np.zeros((4, 3))
lie = lambda *args: torch.zeros(1).as_subclass(Lie)""",
    "NaN": "lie = lambda *args: float('nan')",
    "NaN everywhere": "lie = lambda x, *args: x * np.nan if hasattr(x, 'shape') else [np.nan] * 3",
    "infinity": "lie = lambda *args: np.inf",
    "float with its own equality": """
class Lie(float):
    __eq__ = __lt__ = __le__ = __ge__ = lambda *args: True
    __sub__ = __rsub__ = __abs__ = lambda *args: Lie(0)
    __hash__ = float.__hash__
lie = lambda *args: Lie(99)""",
    "NumPy scalar of a class of its own": """
class Lie(np.float64):
    __eq__ = __lt__ = __le__ = lambda *args: True
    __sub__ = __rsub__ = __abs__ = lambda *args: Lie(0)
lie = lambda *args: Lie(99)""",
    "text with its own equality": """
class Lie(str):
    __eq__ = lambda *args: True
    __hash__ = str.__hash__
    upper = __str__ = lambda self: 'x'
lie = lambda *args: Lie('x')""",
    "list of any length": """
class Lie(list):
    __len__ = lambda self: 3
    __eq__ = lambda *args: True
    __iter__ = lambda self: iter([[0, 1]])
lie = lambda *args: Lie()""",
    "dictionary of any content": """
class Lie(dict):
    __missing__ = __getitem__ = lambda self, key: Lie()
    __eq__ = __contains__ = lambda *args: True
    keys = items = lambda self: []
lie = lambda *args: Lie()""",
    "class that is another": """
class Lie:
    __class__ = property(lambda self: float)
    __eq__ = lambda *args: True
lie = lambda *args: Lie()""",
    "class that is an array": """
class Lie:
    __class__ = property(lambda self: np.ndarray)
    __array__ = lambda self, *args, **kwargs: np.zeros(3)
    __array_interface__ = np.zeros(3).__array_interface__
    shape, dtype, ndim = (3,), np.dtype(float), 1
lie = lambda *args: Lie()""",
    "class that is a tensor": """
class Lie:
    __class__ = property(lambda self: torch.Tensor)
    requires_grad, is_leaf = False, True
    __getattr__ = lambda self, name: (lambda *args, **kwargs: self)
lie = lambda *args: Lie()""",
    "number by registration": """
import numbers
class Lie:
    __eq__ = __le__ = __lt__ = __array__ = lambda *args: True
numbers.Number.register(Lie)
lie = lambda *args: Lie()""",
    "another value at each look": """
import itertools
class Lie:
    count = itertools.count()
    total = property(lambda self: next(self.count) * 3)
    add = lambda self, amount: self
    __call__ = lambda self, *args: next(self.count)
    __float__ = __index__ = __len__ = lambda self: next(self.count)
lie = lambda *args: Lie()""",
    "no number": "lie = lambda *args: None",
    "not implemented": "lie = lambda *args: NotImplemented",
    "dots": "lie = lambda *args: ...",
    "true": "lie = lambda *args: True",
    "complex": "lie = lambda *args: complex(3)",
    "bytes": "lie = lambda *args: b'WORD!'",
    "a type": "lie = lambda *args: float",
    "a module": "lie = lambda *args: np",
    "nothing in an array": "lie = lambda *args: np.empty((0,))",
    "nothing in a column": "lie = lambda *args: np.empty((0, 1))",
    "nothing in a tensor": "lie = lambda *args: torch.empty(0, 1)",
    "a single number": "lie = lambda *args: np.zeros(())",
    "a single tensor": "lie = lambda *args: torch.zeros(())",
    "masked": "lie = lambda *args: np.ma.masked_all(3)",
    "objects in an array": """
class Lie:
    __eq__ = __sub__ = __rsub__ = __abs__ = __lt__ = __le__ = lambda *args: True
lie = lambda *args: np.array([Lie()] * 3, dtype=object)""",
    "records": "lie = lambda *args: np.zeros(3, dtype=[('a', float)])",
    "strings in an array": "lie = lambda *args: np.array(['1.0', '2.0', '3.0'])",
    "sparse": "lie = lambda *args: torch.zeros(4, 3).to_sparse()",
    "without memory": "lie = lambda *args: torch.empty(4, 3, device='meta')",
    "expanded": "lie = lambda *args: torch.zeros(1).expand(10**9)",
    "a parameter of NaN": "lie = lambda *args: nn.Parameter(torch.full((4, 3), float('nan')))",
    "fraction": "from fractions import Fraction\nlie = lambda *args: Fraction(3)",
    "decimal": "from decimal import Decimal\nlie = lambda *args: Decimal(3)",
    "without end": "import itertools\nlie = lambda *args: itertools.count()",
    "in itself": "x = []\nx.append(x)\nlie = lambda *args: x",
    "lazy": """
class Lie:
    __getattr__ = lambda self, name: print(name)
lie = lambda *args: Lie()""",
    "a network that lies": """
class Linear(nn.Linear):
    forward = lambda self, x: Everything()
class Everything(torch.Tensor):
    __torch_function__ = classmethod(lambda *args, **kwargs: True)
Linear.__module__, Linear.__qualname__ = nn.Linear.__module__, 'Linear'
lie = lambda *args: Linear(3, 1)""",
    "a network with hooks": """
def lie(*args):
    net = nn.Linear(3, 1)
    net.register_forward_hook(lambda net, inputs, output: inputs[0].sum(1, keepdim=True) * 1.0)
    net.forward = lambda x: x.sum(1, keepdim=True)
    return net""",
    "its own arguments": "lie = lambda *args: args[0] if args else 0",
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_passes_for_nothing(arena, name):
    arena.attack(LIES[name], target.everything("return lie(*args)"))


ERRORS = (
    *("AssertionError", "NotImplementedError", "StopIteration", "StopAsyncIteration", "GeneratorExit"),
    *("KeyboardInterrupt", "SystemExit", "SystemExit(0)", "UserWarning", "RecursionError", "MemoryError"),
    *(
        "Exception",
        "BaseException",
        "EOFError",
        "TimeoutError",
        "BrokenPipeError",
        "ImportError",
        "KeyError(1)",
    ),
    "UnicodeDecodeError('utf-8', b'x', 0, 1, 'why')",
    "ExceptionGroup('all', [ValueError()])",
    "BaseExceptionGroup('all', [SystemExit()])",
    "type('Ended', (BaseException,), {})()",
    "type('StopIteration', (Exception,), {})()",
    "type('E', (Exception,), {'__str__': lambda self: 1 / 0})()",
    "type('E', (Exception,), {'__str__': lambda self: __import__('sys').exit()})()",
    "type('E', (Exception,), {'__traceback__': property(lambda self: 1 / 0)})()",
    "ValueError('\\ud800' * 10_000)",
)


@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_passes_for_nothing(hurried, error):
    checks = ["q1-values", "q2-errors", "q9-sum"]
    gains = {"q2-errors"} if error.startswith(("ValueError", "UnicodeDecodeError")) else set()
    outcome = hurried.attack("", target.everything(f"raise {error}"), checks=checks, gains=gains)
    assert set(outcome.statuses) == set(checks)


@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_the_midst_of_a_loop_passes_for_nothing(hurried, error):
    answers = {
        "q7": f"def batches(n, size):\n    raise {error}\n    yield",
        "q6": f"def root(f, low, high):\n    f(1.0)\n    raise {error}",
        "q5": f"class Tally:\n    total = property(lambda self: self.add(1))\n    def add(self, amount):\n        raise {error}",
    }
    hurried.attack("", answers, checks=["q7-batches", "q6-each", "q5-total"])


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("UnicodeDecodeError('utf-8', b'x', 0, 1, 'why')", "UnicodeError"),  # it is not made of a text
        ("ExceptionGroup('all', [ValueError()])", "ExceptionGroup"),
        ("OSError(2, 'gone')", "FileNotFoundError"),  # what Python itself makes of it
        ("FileNotFoundError(2, 'gone')", "FileNotFoundError"),
        ("EOFError('end')", "EOFError"),
        ("TimeoutError('late')", "TimeoutError"),
    ],
)
def test_the_class_of_an_error_is_told(hurried, error, told):
    outcome = hurried.attack("", {"q1": f"def average(numbers):\n    raise {error}"}, checks=["q1-values"])
    assert outcome.messages["q1-values"].startswith(f"{told}:")
