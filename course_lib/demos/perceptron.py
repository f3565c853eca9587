"""The perceptron rule, one update at a time, on points that can be dragged."""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import traitlets
from matplotlib.axes import Axes

from course_lib import plotting
from course_lib._widget import Widget, script, stylesheet

_CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
_GATES = {"xor": [0, 1, 1, 0], "and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0]}


class Visit(NamedTuple):
    """What the rule did at one point.

    Attributes
    ----------
    epoch : int
        Number of the pass over the data, from 1.
    point : int
        Which one was looked at.
    updated : bool
        Whether the output was wrong, so that the weights changed.
    w : array of shape (2,), float64
    b : float
        Weights and bias after the visit.
    """

    epoch: int
    point: int
    updated: bool
    w: np.ndarray
    b: float


def steps(X: Any, y: Any) -> Iterator[Visit]:
    """Run the perceptron rule from zero weights; the iterator ends after a pass without a mistake.

    The points are visited in order. At each one ``ŷ = 1[w·x + b > 0]``, then ``w += (t − ŷ)x`` and
    ``b += (t − ŷ)``. On data that no line separates the iterator never ends.

    Parameters
    ----------
    X : array of shape (n, 2)
    y : array of shape (n,), of 0 and 1

    Yields
    ------
    Visit

    References
    ----------
    Rosenblatt (1958), "The perceptron: a probabilistic model for information storage and
    organization in the brain".
    """
    X, y = _checked(X, y)
    w, b = np.zeros(2), 0.0
    for epoch in itertools.count(1):
        clean = True
        for point, (x, target) in enumerate(zip(X, y, strict=True)):
            error = float(target - (w @ x + b > 0))
            w, b = w + error * x, b + error
            clean = clean and error == 0
            yield Visit(epoch, point, error != 0, w, b)
        if clean:
            return


def draw(
    X: Any, y: Any, w: Any, b: float, *, title: str = "", alt: str = "", ax: Axes | None = None
) -> plotting.Figure:
    """Draw points, the separating line, its two sides and the weight vector.

    Parameters
    ----------
    X : array of shape (n, 2)
    y : array of shape (n,), of 0 and 1
    w : array of shape (2,)
    b : float
    title, alt : str, optional
        By default they say how many points are wrong, and where the line is.
    ax : Axes, optional
        Axes made by ``plotting.figure``.
    """
    X, y = _checked(X, y)
    w = np.asarray(w, dtype=float)
    wrong = int(((X @ w + b > 0) != y).sum())
    title = title or f"{wrong} of {len(y)} points are wrong"
    alt = alt or f"{title}. {_words(w, b)} {_points_in_words(X, y)}"
    if ax is None:
        fig, ax = plotting.figure(alt=alt, size=(5.6, 3.8))
    else:
        fig = ax.figure  # type: ignore[assignment]
    low, high = X.min(axis=0), X.max(axis=0)
    middle, span = (low + high) / 2, max(*(high - low), 0.1)
    half = max((high - low)[1] / 2, (high - low)[0] / 3.2) + 0.3 * span
    extent = (middle[0] - 1.6 * half, middle[0] + 1.6 * half, middle[1] - half, middle[1] + half)
    _draw_sides(ax, w, b, extent)
    for label in (0, 1):
        ax.scatter(
            X[y == label, 0], X[y == label, 1], s=90, color=plotting.COLORS[label], edgecolor="white",
            marker=plotting.MARKERS[label], zorder=3, label=f"class {label}",
        )  # fmt: skip
    mistakes = X[(X @ w + b > 0) != y]
    ax.scatter(
        mistakes[:, 0],
        mistakes[:, 1],
        s=330,
        facecolor="none",
        edgecolor="black",
        linestyle="--",
        label="wrong",
    )
    ax.set(xlim=extent[:2], ylim=extent[2:], aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    ax.set_title(title)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def _draw_sides(ax: Axes, w: np.ndarray, b: float, extent: tuple[float, float, float, float]) -> None:
    """Color both half planes, draw the line between them and the arrow of the weights."""
    gx, gy = np.meshgrid(np.linspace(*extent[:2], 200), np.linspace(*extent[2:], 200))
    score = w[0] * gx + w[1] * gy + b
    ax.contourf(gx, gy, score > 0, levels=[-0.5, 0.5, 1.5], colors=plotting.COLORS[:2], alpha=0.15)
    length = np.linalg.norm(w)
    if length == 0:
        return
    ax.contour(gx, gy, score, levels=[0], colors="black", linewidths=2, linestyles="-")
    center = np.array([extent[0] + extent[1], extent[2] + extent[3]]) / 2
    start = center - (w @ center + b) / length**2 * w
    reach = np.clip(length, 0.15, 0.6) * (extent[3] - extent[2]) / 2
    ax.annotate(
        "", start + reach * w / length, start, arrowprops={"arrowstyle": "-|>", "lw": 2.5, "color": "black"}
    )
    ax.annotate(
        "w", start + 1.15 * reach * w / length, ha="center", va="center", weight="bold", style="italic"
    )


def _words(w: np.ndarray, b: float) -> str:
    if not np.any(w):
        return f"The weights are zero, so every output is {int(b > 0)}."
    return f"The line is {w[0]:g}·x₁ + {w[1]:g}·x₂ + {b:g} = 0; the output is 1 on the side w points to."


def _points_in_words(X: np.ndarray, y: np.ndarray) -> str:
    if len(y) > 9:
        return f"{int((y == 0).sum())} points are of class 0, {int((y == 1).sum())} of class 1."
    named = (f"({x[0]:g}, {x[1]:g}) is of class {label}" for x, label in zip(X, y, strict=True))
    return "Point " + ", ".join(named) + "."


def _checked(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return points and classes as arrays, or say what is wrong with them."""
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    if X.ndim != 2 or X.shape[1] != 2 or len(X) == 0:
        raise ValueError(f"Expected X of shape (n, 2), got {X.shape}: this demo draws points of a plane.")
    if not np.isfinite(X).all():
        raise ValueError("Expected finite numbers in X, got NaN or infinity.")
    if y.shape != (len(X),):
        raise ValueError(f"Expected y of shape ({len(X)},), one class a point, got {y.shape}.")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"Expected the classes 0 and 1 in y, got {sorted(set(y.tolist()))}.")
    return X, y.astype(int)


def _two_clouds() -> tuple[np.ndarray, np.ndarray]:
    """Return 24 points in two separable clouds, on the same grid as dragged points."""
    rng = np.random.default_rng(3)
    X = np.concatenate([rng.normal((-0.8, 0.4), 0.45, (12, 2)), rng.normal((1.2, -0.4), 0.45, (12, 2))])
    order = rng.permutation(24)
    return np.round(X[order] * 16) / 16, np.repeat([0, 1], 12)[order]


class PerceptronDemo(Widget):
    """Drag points and watch the perceptron rule look for a line.

    Parameters
    ----------
    X : array of shape (n, 2), optional
        Your own points, shown as the problem ``"yours"``.
    y : array of shape (n,), optional
        Their classes, 0 or 1.
    problem : {"xor", "and", "or", "nand", "two clouds"}
        What to start with when ``X`` is not given.
    start : int
        Updates already made when the demo opens; its Reset button goes back to none.

    Attributes
    ----------
    X : list of [x1, x2]
    y : list of int
    w : list of two floats
    b : float
    updates : int
        The state the browser shows. Assign to ``X``, ``y``, ``w``, ``b`` or ``problem`` to change it.
    """

    _esm = script(__file__)
    _css = stylesheet()

    X = traitlets.Any().tag(sync=True)
    y = traitlets.Any().tag(sync=True)
    w = traitlets.Any().tag(sync=True)
    b = traitlets.Float(0.0).tag(sync=True)
    updates = traitlets.Int(0).tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    problems = traitlets.Dict().tag(sync=True)
    start = traitlets.Int(0).tag(sync=True)

    def __init__(self, X: Any = None, y: Any = None, problem: str = "xor", *, start: int = 3) -> None:
        known = {name: (np.array(_CORNERS), np.array(classes)) for name, classes in _GATES.items()}
        known["two clouds"] = _two_clouds()
        if X is not None:
            known, problem = {"yours": _checked(X, y), **known}, "yours"
        if problem not in known:
            raise ValueError(f"Expected a problem out of {', '.join(known)}, got {problem!r}.")
        X, y = known[problem]
        done = list(itertools.islice((visit for visit in steps(X, y) if visit.updated), start))
        super().__init__(
            problems={name: {"X": a.tolist(), "y": c.tolist()} for name, (a, c) in known.items()},
            problem=problem,
            X=X.tolist(),
            y=y.tolist(),
            w=done[-1].w.tolist() if done else [0.0, 0.0],
            b=done[-1].b if done else 0.0,
            updates=len(done),
            start=len(done),
        )
        self.observe(self._change_problem, "problem")

    @traitlets.validate("X", "y", "w")
    def _as_list(self, proposal: Any) -> list[Any]:
        value = np.asarray(proposal["value"])
        name = proposal["trait"].name
        if name == "X":
            return _checked(value, np.zeros(len(value)))[0].tolist()
        if name == "y":
            return _checked(np.zeros((len(value), 2)), value)[1].tolist()
        if value.shape != (2,):
            raise ValueError(f"Expected w of shape (2,), got {value.shape}.")
        return value.astype(float).tolist()

    def _change_problem(self, change: Any) -> None:
        if change["new"] not in self.problems:
            raise ValueError(f"Expected a problem out of {', '.join(self.problems)}, got {change['new']!r}.")
        if self._from_browser:  # which has set the rest too, and may be further by now
            return
        self.set_trait("updates", 0)
        self.w, self.b = [0.0, 0.0], 0.0
        self.X, self.y = (self.problems[change["new"]][name] for name in ("X", "y"))

    def figure(self) -> plotting.Figure:
        """Return what the demo shows now as a static figure."""
        wrong = _wrong(self.X, self.y, self.w, self.b)
        title = f"After {self.updates} updates, {wrong} of {len(self.y)} points are wrong"
        return draw(self.X, self.y, self.w, self.b, title=title)

    def fallback(self) -> tuple[str, str]:
        """Return the picture of the current state, and the same in words."""
        figure = self.figure()
        return figure.to_html(), f"Perceptron demo. {figure.alt}"


def _wrong(X: Any, y: Any, w: Any, b: float) -> int:
    return int(((np.asarray(X) @ np.asarray(w) + b > 0) != np.asarray(y)).sum())
