"""Checks that explain themselves: against an expected value, PyTorch, finite differences, earlier runs.

A check that holds returns something worth seeing; one that fails raises ``AssertionError`` with what
was expected, what came, and where they differ most.
"""

import csv
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from numbers import Number
from typing import Any, NoReturn, ParamSpec, TypeVar

import numpy as np
import torch

from course_lib import _files

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")

# (rtol, atol) by the coarser of the two dtypes: an answer in float32 is as right as one in float64.
_TOLERANCES = {2: (1e-2, 1e-2), 4: (1e-4, 1e-5), 8: (1e-7, 1e-9)}


def close(
    got: Any, want: Any, *, rtol: float | None = None, atol: float | None = None, hint: str = ""
) -> bool:
    """Check that a result equals the expected one up to rounding.

    Type, shape and kind of dtype must agree; NumPy arrays and PyTorch tensors count as the same
    type. Lists, tuples and dicts are compared item by item, strings and booleans exactly.

    Parameters
    ----------
    got : number, array, tensor, str, or list, tuple or dict of these
        The result under test.
    want : same kinds
        The expected result.
    rtol, atol : float, optional
        Numbers pass when ``|got - want| <= atol + rtol * |want|``. By default as the coarser of the
        two dtypes allows: float64 1e-7 and 1e-9, float32 1e-4 and 1e-5, half precision 1e-2.
    hint : str
        Ends the message when the check fails.

    Returns
    -------
    bool
        Always ``True``.

    Raises
    ------
    AssertionError
        Says what differs: expected, got, shape, dtype, largest absolute difference, hint.
    """
    _compare(got, want, "The result", rtol, atol, hint)
    return True


def _compare(got: Any, want: Any, name: str, rtol: float | None, atol: float | None, hint: str) -> None:
    """Compare one value; ``name`` says in messages which item of a nested result it is."""
    if got is None and want is not None:
        _fail(f"{name} is None: does the function end in a return statement?", hint)
    if want is None or isinstance(want, str | bool):
        if isinstance(got, np.bool_):
            got = bool(got)
        if type(got) is not type(want) or got != want:
            _fail(f"{name} differs.", hint, expected=repr(want), got=_show(got))
    elif isinstance(want, Mapping):
        if not isinstance(got, Mapping) or got.keys() != want.keys():
            keys = sorted(map(repr, got)) if isinstance(got, Mapping) else _show(got)
            _fail(f"{name} needs other keys.", hint, expected=sorted(map(repr, want)), got=keys)
        for key in want:
            _compare(got[key], want[key], f"{name}[{key!r}]", rtol, atol, hint)
    elif isinstance(want, list | tuple):
        if not isinstance(got, list | tuple) or len(got) != len(want):
            length = f"{type(got).__name__} of {len(got)}" if isinstance(got, list | tuple) else _show(got)
            _fail(f"{name} needs another length.", hint, expected=f"{len(want)} items", got=length)
        for index, (item, expected) in enumerate(zip(got, want, strict=True)):
            _compare(item, expected, f"{name}[{index}]", rtol, atol, hint)
    else:
        _compare_numbers(got, want, name, rtol, atol, hint)


def _compare_numbers(
    got: Any, want: Any, name: str, rtol: float | None, atol: float | None, hint: str
) -> None:
    """Compare numbers, arrays and tensors."""
    expected = _as_array(want)
    assert expected is not None, f"close() cannot compare with a {type(want).__name__}"
    actual = _as_array(got)
    if actual is None:
        what = f"a {type(got).__name__}"
        due = f"an array of shape {expected.shape}" if expected.ndim else "a number"
        _fail(f"{name} is {what} where {due} was due.", hint, expected=_show(want), got=_show(got))
    if isinstance(got, Number) and expected.ndim:
        sentence = f"{name} is a single number where an array of shape {expected.shape} was due."
        _fail(sentence, hint, expected=_show(want), got=repr(got))
    if actual.dtype == object:
        _fail(
            f"{name} is an array of Python objects (dtype object), not of numbers: do its rows differ in "
            "length, or holds it something other than numbers?",
            hint,
        )
    if actual.shape != expected.shape:
        _fail(f"{name} has the wrong shape.", hint, expected=expected.shape, got=actual.shape)
    if _kind(actual) != _kind(expected):
        sentence = f"{name} holds {_kind(actual)} where {_kind(expected)} were due."
        _fail(sentence, hint, expected=f"dtype {expected.dtype}", got=f"dtype {actual.dtype}")
    bad = ~np.isfinite(actual) & np.isfinite(expected)
    if bad.any():
        word = "NaN" if np.isnan(actual[bad]).any() else "infinity"
        places = f"{int(bad.sum())} of {actual.size} places"
        _fail(f"{name} holds {word} in {places}.", hint, expected=_show(want), got=_show(got))
    default_rtol, default_atol = _tolerances(actual, expected)
    rtol = default_rtol if rtol is None else rtol
    atol = default_atol if atol is None else atol
    difference = np.zeros(actual.shape)
    differs = actual != expected  # equal infinities do not differ, although their difference is NaN
    difference[differs] = np.abs(actual[differs].astype(float) - expected[differs].astype(float))
    exact = actual.dtype.kind in "iub" and rtol == atol == 0
    if (differs if exact else difference > atol + rtol * np.abs(expected.astype(float))).any():
        worst = tuple(map(int, np.unravel_index(int(np.argmax(difference)), difference.shape)))
        where = f" at index {worst}" if worst else ""
        _fail(
            f"{name} differs from what was expected.",
            hint,
            expected=_show(want),
            got=_show(got),
            shape=f"{actual.shape}, dtype {actual.dtype}",
            max_abs_diff=f"{difference.max():.3g}{where} (allowed: {atol:g} + {rtol:g}·|expected|)",
        )


def _tolerances(actual: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Return the default (rtol, atol): those of the coarser floating dtype, none for whole numbers."""
    if actual.dtype.kind not in "fc":
        return 0.0, 0.0
    return _TOLERANCES.get(min(actual.dtype.itemsize, expected.dtype.itemsize), _TOLERANCES[8])


def _as_array(value: Any) -> np.ndarray | None:
    """Return numbers, arrays and tensors as an array; anything else as None."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return value.float().numpy().astype(np.float16) if value.dtype == torch.bfloat16 else value.numpy()
    return np.asarray(value) if isinstance(value, np.ndarray | np.generic | Number) else None


def _kind(array: np.ndarray) -> str:
    kinds = {"f": "floating-point numbers", "i": "whole numbers", "u": "whole numbers", "b": "booleans"}
    return kinds.get(array.dtype.kind, f"values of dtype {array.dtype}")


def _show(value: Any) -> str:
    """Return a value on at most three short lines."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return np.array2string(value, precision=6, threshold=8, edgeitems=2, prefix=" " * 10)
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "…"


def _fail(sentence: str, hint: str, **details: Any) -> NoReturn:
    raise AssertionError(_message(sentence, hint, **details))


def _message(sentence: str, hint: str, **details: Any) -> str:
    lines = [sentence, *(f"  {key.replace('_', ' ')}: {value}" for key, value in details.items())]
    if hint:
        lines.append(f"  hint: {hint}")
    return "\n".join(lines)


@contextmanager
def raises(expected: type[BaseException], *, hint: str = "") -> Iterator[None]:
    """Check that the block raises this exception; none, or another one, is a failure.

    Name the class you mean: ``raises(Exception)`` would be content with anything that goes wrong.

    Raises
    ------
    AssertionError
        When the block ends without the exception, or with another.
    NotImplementedError
        As it comes: the answer is not written yet.
    """
    try:
        yield
    except expected:
        return
    except NotImplementedError:
        raise
    except Exception as error:
        sentence = f"{type(error).__name__} was raised where {expected.__name__} was due."
        raise AssertionError(_message(sentence, hint, said=str(error))) from error
    _fail(f"No {expected.__name__} was raised.", hint)


def inout(argument: T) -> T:
    """Mark an argument whose changes the check wants to see: ``f(inout(a))``.

    In your own notebook this returns the argument as it is. When an assignment is graded, functions
    get copies of their arguments; of those marked here, the changes come back.
    """
    return argument


def student_side(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function of a check that must run beside the student's code.

    In your own notebook this returns the function as it is. When an assignment is graded, checks run
    elsewhere; a function marked like this runs where the student's code does, and sees only its own
    arguments and the names of the notebook.
    """
    return function


def numeric_gradient(f: Callable[[np.ndarray], Any], x: Any, *, step: float = 6e-6) -> np.ndarray:
    """Estimate the gradient of a scalar function by central differences.

    Parameters
    ----------
    f : callable
        Takes an array shaped like ``x``, returns one number.
    x : array of any shape
        Where to differentiate; computed in float64, never changed.
    step : float
        Half the distance between the two evaluations, about the cube root of float64's precision.

    Returns
    -------
    array, float64, shape of ``x``
        ``(f(x + step·e_i) - f(x - step·e_i)) / (2·step)`` for each entry ``i``.
    """
    x = np.array(x, dtype=np.float64)
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (float(f(up)) - float(f(down))) / (2 * step)
    return gradient


def check_gradient(
    f: Callable[[np.ndarray], Any], x: Any, gradient: Any, *, tolerance: float = 1e-6, hint: str = ""
) -> float:
    """Check a gradient against central differences.

    Parameters
    ----------
    f, x
        As for :func:`numeric_gradient`.
    gradient : array or tensor, shape of ``x``
        The gradient under test.
    tolerance : float
        Largest relative error allowed.

    Returns
    -------
    float
        The relative error ``‖g - n‖ / max(‖g‖ + ‖n‖, 1e-8)``.

    Raises
    ------
    AssertionError
        When the shape is wrong, a value is not finite or the error exceeds the tolerance.
    """
    numeric = numeric_gradient(f, x)
    close(gradient, numeric, rtol=np.inf, hint=hint)  # type, shape, dtype, finite
    got = np.asarray(_as_array(gradient), dtype=np.float64)
    size = np.linalg.norm(got) + np.linalg.norm(numeric)
    error = float(np.linalg.norm(got - numeric) / max(float(size), 1e-8))
    if error > tolerance:
        worst = tuple(map(int, np.unravel_index(int(np.abs(got - numeric).argmax()), numeric.shape)))
        _fail(
            "The gradient differs from finite differences.",
            hint,
            expected=_show(numeric),
            got=_show(got),
            shape=f"{got.shape}, dtype {got.dtype}",
            max_abs_diff=f"{np.abs(got - numeric).max():.3g} at index {worst}",
            relative_error=f"{error:.2g} (allowed: {tolerance:g})",
        )
    return error


def torch_gradient(f: Callable[..., torch.Tensor], *inputs: Any) -> tuple[np.ndarray, ...]:
    """Return what PyTorch computes: the value of a scalar function and its gradient for each input.

    Parameters
    ----------
    f : callable
        Takes float64 tensors shaped like the inputs, returns a tensor with one element.
    *inputs : arrays

    Returns
    -------
    tuple of arrays
        The value, then one gradient for each input.
    """
    tensors = [torch.tensor(np.asarray(x), dtype=torch.float64, requires_grad=True) for x in inputs]
    value = f(*tensors)
    gradients = torch.autograd.grad(value, tensors, allow_unused=True)
    zeros = (torch.zeros_like(t) if g is None else g for g, t in zip(gradients, tensors, strict=True))
    return (value.detach().numpy(), *(g.numpy() for g in zeros))


@dataclass(frozen=True)
class Claim:
    """What :func:`claim` measured, beside the ten-seed run it was compared with."""

    name: str
    setting: str
    values: tuple[float, ...]
    recorded: Mapping[str, str] | None
    yes_or_no: bool = False

    @property
    def mean(self) -> float:
        """Mean over the seeds of this run."""
        return float(np.mean(self.values))

    @property
    def sd(self) -> float:
        """Standard deviation over the seeds of this run (0 for a single one)."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    def __str__(self) -> str:
        def shown(mean: float, sd: float, n: int) -> str:
            return f"{round(mean * n)} of {n}" if self.yes_or_no else f"{mean:.4g} ± {sd:.2g} (n = {n})"

        text = f"{self.setting}: {shown(self.mean, self.sd, len(self.values))} here and now"
        if self.recorded:
            row = self.recorded
            then = shown(float(row["mean"]), float(row["sd"]), int(row["n"]))
            text += f"; {then} recorded {row['date']}"
        return text

    __repr__ = __str__


def claim(name: str, setting: str, values: Any) -> Claim:
    """Report an experiment over seeds, and hold it to the recorded run with ten.

    ``notebooks/claims.csv`` holds the recorded runs. The two means may differ by three standard errors,
    ``3 sd sqrt(1/n + 1/N)`` for n seeds here and N recorded ones, and a hundredth of the mean for
    results that hardly vary. ``make claims`` runs the notebooks with ten seeds and records instead of
    comparing.

    Parameters
    ----------
    name : str
        Identifier of the concept the experiment belongs to, such as ``"MLP-01"``.
    setting : str
        What was measured, unique within ``name``.
    values : sequence of numbers or of booleans
        One for each seed. Booleans are shown as a count, "4 of 10".

    Raises
    ------
    AssertionError
        When this run contradicts the recorded one.
    """
    yes_or_no = np.asarray(values).dtype == bool
    numbers = tuple(float(v) for v in np.asarray(values, dtype=float).ravel())
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError(f"Expected finite values for the claim {name!r}, got {list(numbers)}.")
    if os.environ.get("COURSE_CLAIMS"):
        made = Claim(name, setting, numbers, None, yes_or_no)
        _record(made)
        return made
    with open(_files.path("notebooks/claims.csv"), newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["claim"], row["setting"]) == (name, setting)]
    made = Claim(name, setting, numbers, rows[0] if rows else None, yes_or_no)
    if made.recorded:
        mean, sd = float(made.recorded["mean"]), float(made.recorded["sd"])
        error = sd * math.sqrt(1 / len(numbers) + 1 / int(made.recorded["n"]))
        assert abs(made.mean - mean) <= 3 * error + 0.01 * abs(mean) + 1e-9, (
            f"This run contradicts the recorded one. {made}"
        )
    return made


def _record(made: Claim) -> None:
    """Append a claim to the CSV file that $COURSE_CLAIMS names."""
    import platform

    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, torch {torch.__version__}"
    date = datetime.now(UTC).date().isoformat()
    row = [made.name, made.setting, f"{made.mean:.6g}", f"{made.sd:.3g}", len(made.values), date, versions]
    with open(os.environ["COURSE_CLAIMS"], "a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(row)
