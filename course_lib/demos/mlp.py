"""A small network to play with: its decision boundary and what every hidden unit does, live."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import traitlets
from torch import nn

from course_lib import plotting
from course_lib._widget import Widget, script, stylesheet

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": nn.LeakyReLU,
    "identity": nn.Identity,
}
_SUPPORTED = "an nn.Sequential of nn.Linear, Tanh, ReLU, Sigmoid, LeakyReLU and Identity"
_PROBLEMS = ("rings", "spirals", "xor", "moons")
_WIDEST = 256
_MOST_POINTS = 2000  # the browser trains on all of them in every step


def read_model(model: nn.Module) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Return a model's layers and weights in the form the browser computes with.

    Parameters
    ----------
    model : nn.Sequential
        Two inputs; one logit for two classes, or one logit a class.

    Returns
    -------
    architecture : list of dict
        ``{"type": "linear", "in": …, "out": …, "bias": …}`` or ``{"type": activation, …}``.
    weights : array of shape (parameters,), float64
        For each linear layer the weight, row by row, then the bias.

    Raises
    ------
    ValueError
        If the model holds anything else; the sentence says what.
    """
    if not isinstance(model, nn.Sequential):
        raise ValueError(f"Expected {_SUPPORTED}, got {type(model).__name__}.")
    architecture: list[dict[str, Any]] = []
    weights = [np.empty(0)]
    names = {kind: name for name, kind in _ACTIVATIONS.items()}
    for layer in model:
        if type(layer) is nn.Linear:
            parts = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
            weights += [part.detach().cpu().double().numpy().ravel() for part in parts]
            architecture.append(
                {
                    "type": "linear",
                    "in": layer.in_features,
                    "out": layer.out_features,
                    "bias": len(parts) == 2,
                }
            )
        elif type(layer) in names:
            name = names[type(layer)]
            slope = {"slope": layer.negative_slope} if isinstance(layer, nn.LeakyReLU) else {}
            architecture.append({"type": name, **slope})
        else:
            raise ValueError(f"Expected {_SUPPORTED}, got one with {type(layer).__name__}.")
    _check_layers(architecture)
    return architecture, np.concatenate(weights)


def _check_layers(architecture: list[dict[str, Any]]) -> None:
    kinds = [layer["type"] for layer in architecture]
    if not kinds or kinds[0] != "linear":
        raise ValueError(f"Expected a model that starts with nn.Linear(2, …), got {kinds or 'an empty one'}.")
    if architecture[0]["in"] != 2:
        raise ValueError(
            f"Expected a model with 2 inputs, got {architecture[0]['in']}: the playground draws a plane, "
            "so it shows only models of two inputs."
        )
    while kinds[-1] == "identity":
        kinds.pop()
    if kinds[-1] != "linear":
        raise ValueError(
            f"Expected a model that ends in logits, got {kinds[-1]} at the end: drop it, "
            "the loss (BCEWithLogitsLoss, CrossEntropyLoss) applies its own."
        )
    widest = max(layer.get("out", 0) for layer in architecture)
    if widest > _WIDEST:
        raise ValueError(
            f"Expected layers of at most {_WIDEST} units, got {widest}: each is drawn as a picture."
        )


def build_model(architecture: Sequence[dict[str, Any]], weights: Any) -> nn.Sequential:
    """Return the network that :func:`read_model` would read as ``(architecture, weights)``, in float32."""
    layers: list[nn.Module] = []
    rest = torch.tensor(np.array(weights, dtype=float))
    for layer in architecture:
        if layer["type"] != "linear":
            made = nn.LeakyReLU(layer["slope"]) if "slope" in layer else _ACTIVATIONS[layer["type"]]()
            layers.append(made)
            continue
        # without the usual random start: showing a network must not change the caller's random numbers
        linear = nn.utils.skip_init(nn.Linear, layer["in"], layer["out"], bias=layer["bias"])
        with torch.no_grad():
            for parameter in linear.parameters():
                parameter.copy_(rest[: parameter.numel()].reshape(parameter.shape))
                rest = rest[parameter.numel() :]
        layers.append(linear)
    return nn.Sequential(*layers)


def draw(model: nn.Sequential, X: Any, y: Any, *, title: str = "", alt: str = "") -> plotting.Figure:
    """Draw a model's decision regions beside the output of each of its hidden units.

    Parameters
    ----------
    model : nn.Sequential
        As :func:`read_model` wants it.
    X : array of shape (n, 2)
    y : array of shape (n,), integers from 0
    title, alt : str, optional
        By default they say the accuracy and the layers.
    """
    X, y = _checked(X, y)
    architecture, weights = read_model(model)
    model = build_model(architecture, weights)
    accuracy = (_classes(model, X) == y).mean()
    hidden = [layer["out"] for layer in architecture if layer["type"] == "linear"][:-1]
    title = title or f"{accuracy:.1%} of {len(y)} points right"
    shape = (
        f"{len(hidden)} hidden layers ({', '.join(map(str, hidden))} units)" if hidden else "no hidden layer"
    )
    pictures = "the decision regions, and each hidden unit's output (dark: low, light: high)"
    alt = alt or f"{title}: a network with {shape}; {pictures}."
    grid = {"gridspec_kw": {"width_ratios": [4, 3]}}
    fig, (left, right) = plotting.figure(1, 2, alt=alt, size=(8.4, 4.4), **grid)
    plotting.decision_regions(lambda points: _classes(model, points), X, y, title=title, ax=left)
    left.legend(loc="upper right", frameon=True)
    right.axis("off")
    right.set_title("Output of each hidden unit" if hidden else "No hidden units", loc="left")
    if hidden:
        _draw_units(right, _unit_fields(architecture, model, left.get_xlim(), left.get_ylim()))
    return fig


def _classes(model: nn.Module, X: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        logits = model(torch.as_tensor(X, dtype=torch.float32))
    return (logits.argmax(dim=1) if logits.shape[1] > 1 else (logits[:, 0] > 0).long()).numpy()


def _unit_fields(
    architecture: Sequence[dict[str, Any]], model: nn.Sequential, xlim: Any, ylim: Any, size: int = 40
) -> list[np.ndarray]:
    """Return each hidden layer's outputs on a grid, as arrays of shape (units, size, size)."""
    gx, gy = np.meshgrid(*(np.linspace(low, high, size) for low, high in (xlim, ylim)))
    out = torch.as_tensor(np.column_stack([gx.ravel(), gy.ravel()]), dtype=torch.float32)
    fields: list[np.ndarray] = []
    with torch.no_grad():
        for kind, layer in zip(architecture, model, strict=True):
            out = layer(out)
            if kind["type"] == "linear":
                fields.append(np.empty(0))
            fields[-1] = out.T.reshape(-1, size, size).numpy()
    return fields[:-1]


def _draw_units(ax: Any, fields: list[np.ndarray]) -> None:
    """Lay the units' pictures out, a column (or several) for each layer, each scaled to its own range."""
    tallest = max(3, math.ceil(max(len(units) for units in fields) ** 0.5))
    at = 0.0
    for layer, units in enumerate(fields, start=1):
        columns = -(-len(units) // tallest)
        ax.text(at, 0.15, f"layer {layer}", va="bottom", fontsize=10)
        for unit, field in enumerate(units):
            x, y = at + unit // tallest * 1.1, -(unit % tallest) * 1.1
            ax.imshow(field, extent=(x, x + 1, y - 1, y), origin="lower", cmap="cividis", aspect="equal")
        at += 1.1 * columns + 0.4
    rows = max(min(len(units), tallest) for units in fields)
    ax.set(xlim=(-0.1, at), ylim=(-1.1 * rows, 0.6))
    ax.set_anchor("NW")


def _checked(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return points and classes as arrays, or say what is wrong with them."""
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    if X.ndim != 2 or X.shape[1] != 2 or len(X) == 0:
        raise ValueError(
            f"Expected X of shape (n, 2), got {X.shape}: the playground draws points of a plane."
        )
    if len(X) > _MOST_POINTS:
        raise ValueError(
            f"Expected at most {_MOST_POINTS} points, got {len(X)}: show a part, such as X[:500]."
        )
    if not np.isfinite(X).all():
        raise ValueError("Expected finite numbers in X, got NaN or infinity.")
    if y.shape != (len(X),) or not np.equal(y, y.astype(int)).all() or y.min() < 0:
        raise ValueError(
            f"Expected y of shape ({len(X)},) with classes 0, 1, …, got shape {y.shape}: {y[:5]}…."
        )
    return X, y.astype(int)


def _toy(name: str, seed: int, n: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Return noiseless points in [-1, 1]² of one of the toy problems, and their classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    t = rng.uniform(0, 1, n)
    angle = 2 * np.pi * t
    if name == "rings":
        radius = np.where(y == 1, 0.9, 0.45 * np.sqrt(rng.uniform(0, 1, n)))
    elif name == "spirals":
        radius = 0.1 + 0.85 * np.sqrt(t)
        angle = 3.5 * np.sqrt(t) * np.pi / 1.4 + np.pi * y
    elif name == "moons":
        X = np.column_stack([np.cos(np.pi * t), np.sin(np.pi * t)])
        X[y == 1] = [1, 0.5] - X[y == 1]
        return (X - [0.5, 0.25]) / 1.5, y
    else:
        X = rng.uniform(0.08, 0.95, (n, 2)) * rng.choice([-1, 1], (n, 2))
        return X, (X[:, 0] * X[:, 1] < 0).astype(int)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), y


def _as_problem(X: np.ndarray, y: np.ndarray, seed: int) -> dict[str, Any]:
    """Return what the browser needs of a problem: noise times ``jitter`` is added there."""
    jitter = np.random.default_rng(seed + 1).standard_normal(X.shape) * X.std()
    middle, half = (X.max(axis=0) + X.min(axis=0)) / 2, 0.7 * max(*np.ptp(X, axis=0), 1e-6)
    box = [middle[0] - half, middle[0] + half, middle[1] - half, middle[1] + half]
    return {"clean": X.round(6).tolist(), "jitter": jitter.round(6).tolist(), "y": y.tolist(), "box": box}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: on a tiny network more are no use, on a busy machine 100 times slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class MLPPlayground(Widget):
    """Train a small network in the browser and watch its boundary, its units and its loss.

    Parameters
    ----------
    model : nn.Sequential, optional
        Your own model, with two inputs: the playground then starts with that very model. It is
        never changed; :meth:`to_torch` returns what the browser trained.
    problem : {"rings", "spirals", "xor", "moons"}
    X, y : arrays of shape (n, 2) and (n,), optional
        Your own data, shown first, as the problem ``"yours"``.
    hidden : sequence of int
        Widths of the hidden layers.
    activation : {"tanh", "relu", "sigmoid"}
    lr : float
        Learning rate of full-batch gradient descent.
    noise : float, optional
        Standard deviation added to the points, relative to their spread; 0.1, for your own data 0.
    seed : int
        Of the first weights and of the data.
    start : int
        Steps already made when it opens (none with your own model); Reset goes back to none.

    Attributes
    ----------
    losses : list of [step, loss]
    """

    _esm = script(__file__)
    _css = stylesheet()

    architecture: Any = traitlets.List().tag(sync=True)
    weights = traitlets.CBytes().tag(sync=True)
    initial = traitlets.Bytes().tag(sync=True)
    losses: Any = traitlets.List().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    problems = traitlets.Dict().tag(sync=True)
    hidden: Any = traitlets.List().tag(sync=True)
    activation = traitlets.Unicode().tag(sync=True)
    lr = traitlets.Float().tag(sync=True)
    noise = traitlets.Float().tag(sync=True)
    seed = traitlets.Int().tag(sync=True)
    given = traitlets.Bool().tag(sync=True)

    def __init__(
        self,
        model: nn.Sequential | None = None,
        problem: str = "rings",
        X: Any = None,
        y: Any = None,
        *,
        hidden: Sequence[int] = (4,),
        activation: str = "tanh",
        lr: float = 1.0,
        noise: float | None = None,
        seed: int = 0,
        start: int = 100,
    ) -> None:
        problems = {name: _as_problem(*_toy(name, seed), seed) for name in _PROBLEMS}
        if X is not None:
            problems, problem = {"yours": _as_problem(*_checked(X, y), seed), **problems}, "yours"
        if problem not in problems:
            raise ValueError(f"Expected a problem out of {', '.join(problems)}, got {problem!r}.")
        if activation not in ("tanh", "relu", "sigmoid"):
            raise ValueError(f"Expected the activation tanh, relu or sigmoid, got {activation!r}.")
        self._model = model
        classes = max(problems[problem]["y"]) + 1
        first = model if model is not None else _fresh(hidden, activation, max(classes, 2), seed)
        architecture, weights = read_model(first)
        *hidden, outputs = (layer["out"] for layer in architecture if layer["type"] == "linear")
        if classes > max(outputs, 2):
            raise ValueError(f"Expected a model with {classes} logits, one a class of y, got {outputs}.")
        kinds = [layer["type"] for layer in architecture if layer["type"] in ("tanh", "relu", "sigmoid")]
        super().__init__(
            architecture=architecture,
            weights=weights.tobytes(),
            initial=weights.tobytes(),
            problem=problem,
            problems=problems,
            hidden=hidden,
            activation=(kinds or [activation])[0],
            lr=float(lr),
            noise=float(noise if noise is not None else 0.0 if X is not None else 0.1),
            seed=seed,
            given=model is not None,
        )
        self._train(0 if model is not None else start)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the points shown now, of shape (n, 2), with their noise, and the classes."""
        problem = self.problems[self.problem]
        return np.array(problem["clean"]) + self.noise * np.array(problem["jitter"]), np.array(problem["y"])

    def to_torch(self) -> nn.Sequential:
        """Return the network the browser shows now as a model of your own."""
        return build_model(self.architecture, np.frombuffer(self.weights))

    def update(self, *_: Any, **__: Any) -> None:
        """Show your model's weights as they are now; also serves as a callback during training."""
        if self._model is None:
            raise ValueError("Expected a playground made with a model: there is none to read again.")
        architecture, weights = read_model(self._model)
        if architecture != self.architecture:
            self.architecture = architecture
        self.weights = weights.tobytes()
        step = 1 + (self.losses[-1][0] if self.losses else 0)
        self.losses = [*self.losses, [step, self._loss(self.to_torch().double()).item()]]

    def _loss(self, model: nn.Module) -> torch.Tensor:
        X, y = self.data()
        logits = model(torch.from_numpy(X))
        if logits.shape[1] == 1:
            return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], torch.from_numpy(y).double())
        return nn.functional.cross_entropy(logits, torch.from_numpy(y))

    @_one_thread()
    def _train(self, steps: int) -> None:
        """Do what the browser's Train button does, here: for the state the demo opens in."""
        model = self.to_torch().double()
        losses = [[0, self._loss(model).item()]]
        for step in range(1, steps + 1):
            gradients = torch.autograd.grad(self._loss(model), list(model.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                    parameter.sub_(self.lr * gradient)
            losses.append([step, self._loss(model).item()])
        self.losses = losses
        self.weights = read_model(model)[1].tobytes()

    def figure(self) -> plotting.Figure:
        """Return what the playground shows now as a static figure."""
        X, y = self.data()
        step = self.losses[-1][0] if self.losses else 0
        accuracy = (_classes(self.to_torch(), X) == y).mean()
        return draw(self.to_torch(), X, y, title=f"Step {step}: {accuracy:.1%} of {len(y)} points right")

    def fallback(self) -> tuple[str, str]:
        """Return the picture of the current state, and the same in words."""
        figure = self.figure()
        return figure.to_html(), f"MLP playground. {figure.alt}"


def _fresh(hidden: Sequence[int], activation: str, classes: int, seed: int) -> nn.Sequential:
    """Return a new network; the caller's random numbers stay as they were."""
    hidden = list(hidden)
    if len(hidden) > 4 or any(not isinstance(width, int) or not 1 <= width <= 64 for width in hidden):
        raise ValueError(f"Expected up to four widths from 1 to 64 in hidden, got {hidden}.")
    widths = [2, *hidden, 1 if classes == 2 else classes]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), _ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])
