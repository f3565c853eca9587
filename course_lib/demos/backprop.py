"""Backpropagation through an expression, one node at a time, next to what PyTorch's autograd says."""

import ast
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
import traitlets

from course_lib import plotting
from course_lib._widget import Widget, script, stylesheet

_SUPPORTED = (
    "the stepper knows numbers, variables, + − * /, ** with a constant exponent, unary −, "
    "tanh, relu, exp, log and sigmoid (or σ)"
)
_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
_FUNCTIONS = {name: name for name in ("tanh", "relu", "exp", "log", "sigmoid")} | {"σ": "sigmoid"}
_LABELS = {
    "add": "{0} + {1}", "sub": "{0} − {1}", "mul": "{0}·{1}", "div": "{0}/{1}", "neg": "−{0}",
    "pow": "{0}^{2}", "tanh": "tanh {0}", "relu": "relu {0}", "exp": "exp {0}", "log": "log {0}",
    "sigmoid": "σ({0})",
}  # fmt: skip
_MOST_NODES = 16


@dataclass
class Node:
    """One node of an expression graph.

    Attributes
    ----------
    name : str
        The variable's name, the constant's digits, or a letter for a result; the last result is ``L``.
    op : str
        ``"variable"``, ``"constant"`` or the operation.
    inputs : list of int
        Which nodes it reads; a node that is read twice stands there twice.
    constant : float or None
        The value of a constant, or the exponent of a power.
    label : str
        How it is computed, such as ``"d = a·b"``.
    """

    name: str
    op: str
    inputs: list[int] = field(default_factory=list)
    constant: float | None = None
    label: str = ""


class _Parser:
    """Turn Python's syntax tree into nodes: first the variables and constants, then results in order."""

    def __init__(self, expression: str) -> None:
        try:
            tree = ast.parse(expression, mode="eval")
        except SyntaxError as error:
            raise ValueError(
                f"Expected an expression such as (a*b + c).tanh(), got {expression!r}."
            ) from error
        self.nodes: list[Node] = []
        self._visit(tree.body)
        self._sort()
        self._name()

    def _visit(self, tree: ast.expr) -> int:
        match tree:
            case ast.Name(name):
                return self._variable(name)
            case ast.Constant(int() | float() as value) if not isinstance(value, bool):
                return self._add(Node(f"{value:g}", "constant", constant=float(value)))
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
                return self._add(Node(f"−{value:g}", "constant", constant=-float(value)))
            case ast.UnaryOp(ast.USub(), operand):
                return self._result("neg", operand)
            case ast.BinOp(base, ast.Pow(), exponent):
                return self._result("pow", base, constant=self._exponent(exponent))
            case ast.BinOp(left, operation, right) if type(operation) in _BINARY:
                return self._result(_BINARY[type(operation)], left, right)
            case ast.Call(ast.Name(name), [argument], []) if name in _FUNCTIONS:
                return self._result(_FUNCTIONS[name], argument)
            case ast.Call(ast.Attribute(argument, name), [], []) if name in _FUNCTIONS:
                return self._result(_FUNCTIONS[name], argument)
        raise ValueError(f"{ast.unparse(tree)!r} is not supported: {_SUPPORTED}.")

    def _exponent(self, tree: ast.expr) -> float:
        try:
            value = ast.literal_eval(tree)
        except ValueError:
            value = None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"The exponent {ast.unparse(tree)!r} is not a constant: {_SUPPORTED}.")
        return float(value)

    def _variable(self, name: str) -> int:
        for index, node in enumerate(self.nodes):
            if node.op == "variable" and node.name == name:
                return index
        if len(name) > 5:
            raise ValueError(f"Expected variable names of at most 5 letters, got {name!r}.")
        return self._add(Node(name, "variable"))

    def _result(self, op: str, *operands: ast.expr, constant: float | None = None) -> int:
        return self._add(Node("", op, [self._visit(operand) for operand in operands], constant))

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        if len(self.nodes) > _MOST_NODES:
            raise ValueError(f"Expected an expression of at most {_MOST_NODES} nodes: more cannot be read.")
        return len(self.nodes) - 1

    def _sort(self) -> None:
        order = sorted(range(len(self.nodes)), key=lambda i: bool(self.nodes[i].inputs))
        place = {old: new for new, old in enumerate(order)}
        self.nodes = [self.nodes[i] for i in order]
        for node in self.nodes:
            node.inputs = [place[i] for i in node.inputs]
        if not any(node.op == "variable" for node in self.nodes) or not self.nodes[-1].inputs:
            raise ValueError("Expected an expression with a variable and an operation, such as a*b + c.")

    def _name(self) -> None:
        used = {node.name for node in self.nodes}
        letters = itertools.chain("defghkmnpqrstuvz", (f"v{i}" for i in itertools.count()))
        free = (letter for letter in letters if letter not in used)
        for node in self.nodes:
            if not node.inputs:
                node.label = node.name
                continue
            last = node is self.nodes[-1] and "L" not in used
            node.name = "L" if last else next(free)
            exponent = "" if node.constant is None else f"{node.constant:g}".replace("-", "−")
            names = [self.nodes[i].name for i in node.inputs]
            node.label = f"{node.name} = " + _LABELS[node.op].format(names[0], names[-1], exponent)


def parse(expression: str) -> list[Node]:
    """Return the graph of an expression, each node after those it reads; the last one is the result.

    Parameters
    ----------
    expression : str
        A Python expression, such as ``"(a*b + c).tanh()"`` or ``"tanh(a*b + c)"``. A variable that
        occurs twice is one node.

    Raises
    ------
    ValueError
        If it is no expression, or holds something else than the supported operations.
    """
    return _Parser(expression).nodes


def autograd(nodes: Sequence[Node], values: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Compute every node's value and its gradient with PyTorch.

    Returns
    -------
    outputs : array of shape (nodes,), float64
    gradients : array of shape (nodes,), float64
        Derivative of the last node with respect to each.
    """
    results: list[torch.Tensor] = []
    for node in nodes:
        inputs = [results[i] for i in node.inputs]
        if not inputs:
            value = node.constant if node.op == "constant" else values[node.name]
            results.append(torch.tensor(value, dtype=torch.float64, requires_grad=True))
        elif node.op == "pow":
            results.append(inputs[0] ** (node.constant or 0.0))
        else:
            results.append(getattr(torch, node.op)(*inputs))
    gradients = torch.autograd.grad(results[-1], results)
    return np.array([result.item() for result in results]), np.array([g.item() for g in gradients])


@dataclass
class Place:
    """Where a node is drawn.

    Attributes
    ----------
    column, row : int, float
        From left to right; rows are centered on 0, downwards.
    routes : list of list of (column, row)
        For each of its inputs the free places that the edge passes on its way.
    ports : list of float
        For each of its inputs where the edge arrives: above (negative) or below the middle.
    """

    column: int
    row: float
    routes: list[list[tuple[int, float]]]
    ports: list[float]


def layout(nodes: Sequence[Node]) -> list[Place]:
    """Place a graph from left to right, with few crossings and nothing on top of anything else."""
    column = _columns(nodes)
    # An edge over several columns goes through a free place in each: (node, column) stands for it.
    reach = {
        i: max((column[j] for j, node in enumerate(nodes) if i in node.inputs), default=0) for i in column
    }
    slots = [(i, c) for i in column for c in range(column[i], max(reach[i], column[i] + 1))]
    levels = [[slot for slot in slots if slot[1] == c] for c in range(max(column.values()) + 1)]
    links = [((i, c), (i, c + 1)) for i, c in slots if (i, c + 1) in set(slots)]
    links += [((i, column[j] - 1), (j, column[j])) for j, node in enumerate(nodes) for i in node.inputs]
    rows = _fewest_crossings(levels, links)
    places = []
    for j, node in enumerate(nodes):
        routes = [[(c, rows[i, c]) for c in range(column[i] + 1, column[j])] for i in node.inputs]
        order = sorted(range(len(routes)), key=lambda k: rows[node.inputs[k], column[j] - 1])
        ports = [order.index(k) - (len(routes) - 1) / 2 for k in range(len(routes))]
        places.append(Place(column[j], rows[j, column[j]], routes, ports))
    return places


def _columns(nodes: Sequence[Node]) -> dict[int, int]:
    """Return each node's column: results as far left as they can be, inputs beside their first reader."""
    column: dict[int, int] = {}
    for i, node in enumerate(nodes):
        column[i] = 1 + max((column[k] for k in node.inputs), default=-1)
    for i, node in enumerate(nodes):
        if not node.inputs:
            column[i] = min(column[j] for j, reader in enumerate(nodes) if i in reader.inputs) - 1
    return column


def _fewest_crossings(levels: list[list[Any]], links: list[tuple[Any, Any]]) -> dict[Any, float]:
    """Order each column by the mean row of its neighbors, back and forth; keep the best order."""

    def rows_of() -> dict[Any, float]:
        return {slot: k - (len(level) - 1) / 2 for level in levels for k, slot in enumerate(level)}

    def cost(rows: dict[Any, float]) -> float:
        crossings = sum(
            (rows[a] - rows[c]) * (rows[b] - rows[d]) < 0
            for (a, b), (c, d) in itertools.combinations(links, 2)
            if a[1] == c[1]
        )
        return 100 * crossings + sum(abs(rows[a] - rows[b]) for a, b in links)

    best = rows_of()
    for sweep in range(12):
        step = 1 if sweep % 2 == 0 else -1
        for level in levels[::step]:
            rows = rows_of()
            near = {s: [rows[a if b == s else b] for a, b in links if s in (a, b)] for s in level}
            level.sort(key=lambda s: sum(near[s]) / max(len(near[s]), 1))
        if cost(rows_of()) < cost(best):
            best = rows_of()
    return best


def draw(expression: str, values: Mapping[str, float], *, title: str = "", alt: str = "") -> plotting.Figure:
    """Draw an expression's graph with every value and every gradient.

    Parameters
    ----------
    expression : str
    values : mapping of variable to number
    title, alt : str, optional
        By default the expression, and the graph in words.
    """
    nodes = parse(expression)
    outputs, gradients = autograd(nodes, _checked(nodes, values))
    alt = alt or f"Expression graph of {expression}. {_words(nodes, outputs, gradients)}"
    places = layout(nodes)
    taken = [place.row for place in places] + [row for p in places for route in p.routes for _, row in route]
    columns = 1 + max(place.column for place in places)
    size = (max(4.0, 1.3 * columns), 0.8 * (max(taken) - min(taken) + 1) + 0.4)
    fig, ax = plotting.figure(alt=alt, size=size)
    for node, place in zip(nodes, places, strict=True):
        _draw_edges(ax, place, [places[i] for i in node.inputs])
    box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "black"}
    for node, place, value, gradient in zip(nodes, places, outputs, gradients, strict=True):
        text = f"{node.label}\n{_short(value)}\n∂ {_short(gradient)}"
        text = node.name if node.op == "constant" else text
        ax.text(place.column, place.row, text, ha="center", va="center", fontsize=9.5, bbox=box, zorder=2)
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(max(taken) + 0.5, min(taken) - 0.5))
    ax.axis("off")
    ax.set_title(title or f"L = {expression}: values, and gradients ∂ of L", loc="left")
    return fig


def _draw_edges(ax: Any, place: Place, sources: Sequence[Place]) -> None:
    """Draw the lines that end in a node; their first and last part lies behind the boxes."""
    half = 0.42
    for source, route, port in zip(sources, place.routes, place.ports, strict=True):
        stops = [(source.column, source.row), (source.column + half, source.row)]
        stops += [stop for c, r in route for stop in ((c - half, r), (c + half, r))]
        stops += [(place.column - half, place.row + 0.24 * port), (place.column, place.row + 0.24 * port)]
        ax.plot(*zip(*stops, strict=True), color="#777777", linestyle="-", linewidth=1.3, zorder=1)


def _short(value: float) -> str:
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "undefined")
    text = f"{value:.2f}" if 0.1 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"
    return text.replace("-", "−")


def _words(nodes: Sequence[Node], outputs: np.ndarray, gradients: np.ndarray) -> str:
    told = zip(nodes, outputs, gradients, strict=True)
    return " ".join(
        f"{node.label}{' =' if not node.inputs else ', value'} {_short(value)}, gradient {_short(gradient)}."
        for node, value, gradient in told
        if node.op != "constant"
    )


def _checked(nodes: Sequence[Node], values: Mapping[str, Any]) -> dict[str, float]:
    """Return a finite float for each variable, or say what is wrong."""
    names = [node.name for node in nodes if node.op == "variable"]
    if set(values) != set(names):
        raise ValueError(
            f"Expected a value for each of {', '.join(names)}, got {', '.join(values) or 'none'}."
        )
    found = {name: float(values[name]) for name in names}
    if not all(math.isfinite(value) for value in found.values()):
        raise ValueError(f"Expected finite numbers, got {found}.")
    return found


class BackpropStepper(Widget):
    """Step through the forward and the backward pass of an expression.

    Parameters
    ----------
    expression : str
        As :func:`parse` reads it. The default uses ``a`` twice, so its gradient is a sum.
    values : mapping of variable to number, optional
        By default ``a = 2``, ``b = −0.5``, ``c = 1.5``, and 1 for every other variable.
    step : int, optional
        How far it is when it opens; by default the forward pass and one backward step are done.

    Attributes
    ----------
    values : dict
        The values in the browser's fields; assign a new dict to change them.
    step : int
        Nodes computed forward, then backward.
    gradients : dict
        The gradient of each variable as far as the browser has come.
    """

    _esm = script(__file__)
    _css = stylesheet()

    expression = traitlets.Unicode().tag(sync=True)
    graph: Any = traitlets.List().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    gradients = traitlets.Dict().tag(sync=True)
    autograd = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        expression: str = "(a*b + c).tanh() * a",
        values: Mapping[str, float] | None = None,
        *,
        step: int | None = None,
    ) -> None:
        self._nodes = parse(expression)
        usual = {"a": 2.0, "b": -0.5, "c": 1.5}
        names = [node.name for node in self._nodes if node.op == "variable"]
        values = _checked(self._nodes, values or {name: usual.get(name, 1.0) for name in names})
        places = layout(self._nodes)
        operations = sum(bool(node.inputs) for node in self._nodes)
        super().__init__(
            expression=expression,
            graph=[asdict(node) | asdict(place) for node, place in zip(self._nodes, places, strict=True)],
            values=values,
            step=operations + 1 if step is None else min(max(step, 0), 2 * operations),
        )
        self._ask_autograd()
        self.observe(self._ask_autograd, "values")

    @traitlets.validate("values")
    def _check_values(self, proposal: Any) -> dict[str, float]:
        return _checked(self._nodes, proposal["value"])

    def _ask_autograd(self, *_: Any) -> None:
        outputs, gradients = autograd(self._nodes, self.values)
        self.autograd = {
            "values": self.values,
            "outputs": [float(v) if math.isfinite(v) else None for v in outputs],
            "gradients": [float(v) if math.isfinite(v) else None for v in gradients],
        }

    def figure(self) -> plotting.Figure:
        """Return the whole graph, with all values and gradients, as a static figure."""
        return draw(self.expression, self.values)

    def fallback(self) -> tuple[str, str]:
        """Return the picture of the finished graph, and the same in words."""
        figure = self.figure()
        return figure.to_html(), f"Backprop stepper. {figure.alt}"
