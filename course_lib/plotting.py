"""The course's figures: one style, colours that everyone can tell apart, and words for every picture.

Every figure is a :class:`Figure`, which a notebook shows with its alternative text. Figures do not
pass through pyplot: none is left open, and none is drawn twice.
"""

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import matplotlib as mpl
import matplotlib.figure
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.patches import Circle

# Okabe & Ito (2008), "Color Universal Design"; yellow comes last because it is faint on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))

_STYLE: Any = {
    "axes.prop_cycle": cycler(color=COLORS[:7], linestyle=LINES[:7]),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "font.size": 11,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "figure.dpi": 96,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
}


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that carries its alternative text, ``alt``, into the notebook."""

    alt: str = ""

    def png(self) -> bytes:
        """Return the figure as a PNG file."""
        buffer = io.BytesIO()
        with mpl.rc_context(_STYLE):
            self.savefig(buffer, format="png")
        return buffer.getvalue()

    def to_html(self) -> str:
        """Return an ``<img>`` element that holds the picture and its alternative text."""
        return self._img(self.png())

    def _img(self, png: bytes) -> str:
        data = base64.b64encode(png).decode()
        alt = html.escape(self.alt, quote=True)
        return f'<img src="data:image/png;base64,{data}" alt="{alt}" style="max-width: 100%">'

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        png = self.png()
        data = {"text/html": self._img(png), "text/plain": f"Figure: {self.alt}", "image/png": png}
        return data, {"image/png": {"alt": self.alt}}


def figure(
    rows: int = 1, columns: int = 1, *, alt: str, size: tuple[float, float] | None = None, **kwargs: Any
) -> tuple[Figure, Any]:
    """Make a figure in the course's style; end the cell with it to show it.

    Parameters
    ----------
    rows, columns : int
        Grid of axes.
    alt : str
        What a sighted reader concludes from the picture, in a sentence.
    size : (width, height), optional
        In inches; by default 4.6 x 3.2 for each axes, at most 9 wide.
    **kwargs
        Passed to ``Figure.subplots`` (``sharex``, ``subplot_kw``, …).

    Returns
    -------
    figure : Figure
    axes : Axes, or an array of them as from ``plt.subplots``
    """
    if not alt.strip():
        raise ValueError("Expected alt to say what the picture shows, got an empty text.")
    if size is None:
        size = (min(9.0, 4.6 * columns) if columns > 1 else 5.6, 3.2 * rows + 0.2)
    with mpl.rc_context(_STYLE):
        made = Figure(figsize=size)
        FigureCanvasAgg(made)
        made.alt = alt
        axes = made.subplots(rows, columns, **kwargs)
    return made, axes


def _axes_of(ax: Axes | None, alt: str, size: tuple[float, float] | None) -> tuple[Figure, Axes]:
    """Return the axes to draw on, and their figure: the given ones, or new ones."""
    if ax is None:
        return figure(alt=alt, size=size)
    owner = ax.figure
    assert isinstance(owner, Figure), "draw on axes made by plotting.figure"
    return owner, ax


def curves(
    lines: Mapping[str, Any],
    *,
    x: Any = None,
    xlabel: str,
    ylabel: str,
    title: str,
    alt: str = "",
    ax: Axes | None = None,
    size: tuple[float, float] | None = None,
    logx: bool = False,
    logy: bool = False,
) -> Figure:
    """Draw named curves, each labelled at its right end instead of in a legend.

    Parameters
    ----------
    lines : mapping of name to values
        Values of shape (n,), or (seeds, n): then the mean is drawn, with a band of one standard deviation.
    x : array of shape (n,), optional
        Shared by all curves; ``0 … n-1`` by default.
    """
    fig, ax = _axes_of(ax, alt or title, size)
    ends: list[tuple[float, float, str, Any]] = []
    for index, (name, values) in enumerate(lines.items()):
        array = np.atleast_2d(np.asarray(values, dtype=float))
        mean = array.mean(axis=0)
        xs = np.arange(mean.size) if x is None else np.asarray(x)
        color = COLORS[index % len(COLORS)]
        ax.plot(
            xs, mean, color=color, linestyle=LINES[index % len(LINES)], marker="o" if len(mean) == 1 else ""
        )
        if len(array) > 1:
            spread = array.std(axis=0)
            ax.fill_between(xs, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)
        finite = np.flatnonzero(np.isfinite(mean))
        if finite.size:
            ends.append((float(xs[finite[-1]]), float(mean[finite[-1]]), name, color))
    if logx:
        ax.set_xscale("log")
    if logy:
        ax.set_yscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_title(title)
    _label_ends(ax, ends)
    return fig


def _label_ends(ax: Axes, ends: list[tuple[float, float, str, Any]]) -> None:
    """Write each curve's name beside its last point, pushed apart where two would overlap."""
    height = ax.get_figure().get_size_inches()[1] * 72 * 0.75  # type: ignore[union-attr]
    to_axes = ax.transData + ax.transAxes.inverted()
    ends = sorted(ends, key=lambda end: to_axes.transform(end[:2])[1])
    wanted = [float(to_axes.transform(end[:2])[1]) for end in ends]
    placed, gap = list(wanted), 13 / height
    for i in range(1, len(placed)):  # up, where two overlap; then down, where that left the axes
        placed[i] = max(placed[i], placed[i - 1] + gap)
    limit = max(1.0, wanted[-1]) if wanted else 1.0
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - gap
    for at, end, (x, y, name, color) in zip(placed, wanted, ends, strict=True):
        offset = (8, (at - end) * height)
        ax.annotate(name, (x, y), offset, textcoords="offset points", color=color, va="center", fontsize=10)


def scatter(X: Any, y: Any, *, ax: Axes, names: Sequence[str] | None = None, size: float = 26) -> None:
    """Add labelled 2-D points to axes: one colour and one marker a class.

    Parameters
    ----------
    X : array of shape (n, 2)
    y : integer array of shape (n,)
    """
    X, y = np.asarray(X), np.asarray(y)
    for index, label in enumerate(np.unique(y)):
        ax.scatter(
            X[y == label, 0],
            X[y == label, 1],
            s=size,
            color=COLORS[index % len(COLORS)],
            marker=MARKERS[index % len(MARKERS)],
            edgecolor="white",
            linewidth=0.6,
            label=names[index] if names else f"class {label}",
            zorder=3,
        )


def decision_regions(
    predict: Callable[[np.ndarray], Any],
    X: Any,
    y: Any,
    *,
    title: str,
    alt: str = "",
    ax: Axes | None = None,
    names: Sequence[str] | None = None,
    resolution: int = 200,
) -> Figure:
    """Colour the plane by the predicted class, with the data on top.

    Parameters
    ----------
    predict : callable
        Takes an array of shape (m, 2) and dtype float32, returns m class numbers (array or tensor).
    X : array of shape (n, 2)
    y : integer array of shape (n,)
    """
    X, y = np.asarray(X), np.asarray(y)
    fig, ax = _axes_of(ax, alt or title, (4.6, 4.0))
    pad = 0.1 * np.ptp(X, axis=0) + 1e-9
    (x0, y0), (x1, y1) = X.min(axis=0) - pad, X.max(axis=0) + pad
    gx, gy = np.meshgrid(np.linspace(x0, x1, resolution), np.linspace(y0, y1, resolution))
    points = np.column_stack([gx.ravel(), gy.ravel()]).astype(np.float32)
    regions = np.asarray(predict(points)).reshape(gx.shape)
    count = max(int(y.max()), int(regions.max())) + 1
    colors = ListedColormap([COLORS[i % len(COLORS)] for i in range(count)])
    ax.imshow(
        regions, origin="lower", extent=(x0, x1, y0, y1), aspect="auto", cmap=colors, vmin=-0.5,
        vmax=count - 0.5, alpha=0.25, interpolation="nearest",
    )  # fmt: skip
    for boundary in range(1, count):
        ax.contour(gx, gy, regions >= boundary, levels=[0.5], colors="#444444", linewidths=0.8)
    scatter(X, y, ax=ax, names=names)
    if names:
        ax.legend(fontsize=9)
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    ax.set_title(title)
    return fig


def heatmap(
    values: Any,
    *,
    title: str,
    alt: str = "",
    xlabel: str = "",
    ylabel: str = "",
    extent: tuple[float, float, float, float] | None = None,
    colorbar: str = "",
    ax: Axes | None = None,
    annotate: str | None = None,
) -> Figure:
    """Draw a matrix as a field of colour, row 0 at the bottom when ``extent`` gives axes, else at the top.

    Parameters
    ----------
    values : array of shape (rows, columns)
    extent : (left, right, bottom, top), optional
        What the axes measure; without it they count rows and columns.
    colorbar : str
        What the colour measures; no bar without it.
    annotate : format such as ``".2f"``, optional
        Write each number into its cell.
    """
    values = np.asarray(values)
    fig, ax = _axes_of(ax, alt or title, None)
    origin: Any = "lower" if extent else "upper"
    image = ax.imshow(values, cmap="cividis", aspect="auto", extent=extent, origin=origin)
    if colorbar:
        fig.colorbar(image, ax=ax, label=colorbar)
    if annotate is not None:
        middle = (values.min() + values.max()) / 2
        for (row, column), value in np.ndenumerate(values):
            color = "black" if value > middle else "white"
            ax.text(column, row, format(value, annotate), ha="center", va="center", color=color)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_title(title)
    return fig


def images(
    pictures: Any, *, title: str, alt: str = "", labels: Sequence[Any] | None = None, columns: int = 10
) -> Figure:
    """Show pictures in a grid, dark ink on white.

    Parameters
    ----------
    pictures : array of shape (n, h, w), (n, 1, h, w) or (n, 3, h, w)
        Grey values are scaled together from their least (white) to their greatest (black).
    labels : sequence of length n, optional
        Written above each picture.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim == 3:
        pictures = pictures[:, None]
    if pictures.ndim != 4 or pictures.shape[1] not in (1, 3):
        raise ValueError(f"Expected pictures of shape (n, h, w) or (n, 1 or 3, h, w), got {pictures.shape}.")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    height = 1.0 if labels is None else 1.2
    fig, axes = figure(
        rows, columns, alt=alt or title, size=(0.9 * columns, height * rows + 0.4), squeeze=False
    )
    low, high = float(pictures.min()), float(pictures.max())
    for ax in axes.flat:
        ax.axis("off")
    for index, (ax, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        if picture.shape[0] == 1:
            ax.imshow(picture[0], cmap="gray_r", vmin=low, vmax=high)
        else:
            ax.imshow(np.moveaxis(picture, 0, -1))
        if labels is not None:
            ax.set_title(str(labels[index]), fontsize=10, loc="center")
    fig.suptitle(title, fontsize=12)
    return fig


def network(
    sizes: Sequence[int],
    *,
    title: str,
    alt: str = "",
    nodes: Sequence[Sequence[str]] | None = None,
    edges: Sequence[Sequence[Sequence[str]]] | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw a fully connected network, inputs on the left.

    Parameters
    ----------
    sizes : sequence of int
        Units a layer, the inputs first.
    nodes : nested sequence of str, optional
        ``nodes[l][i]`` is written into unit i of layer l.
    edges : nested sequence of str, optional
        ``edges[l][i][j]`` is written beside the connection from unit i of layer l to unit j of the next.
    """
    fig, ax = _axes_of(None, alt or title, size or (1.9 * len(sizes) + 0.6, 0.75 * max(sizes) + 0.6))
    places = [[(2.0 * layer, (n - 1) / 2 - i) for i in range(n)] for layer, n in enumerate(sizes)]
    for layer, (left, right) in enumerate(pairwise(places)):
        for (i, (x0, y0)), (j, (x1, y1)) in product(enumerate(left), enumerate(right)):
            ax.plot([x0, x1], [y0, y1], color="#999999", linewidth=1, linestyle="-", zorder=1)
            if edges:
                at = ((x0 + x1) / 2, (y0 + y1) / 2)
                ax.annotate(edges[layer][i][j], at, ha="center", va="center", backgroundcolor="white")
    for layer, column in enumerate(places):
        color = "white" if layer == 0 else "#CFE3F1"
        for i, (x, y) in enumerate(column):
            ax.add_patch(Circle((x, y), 0.32, facecolor=color, edgecolor="#333333", zorder=2))
            ax.annotate(nodes[layer][i] if nodes else "", (x, y), ha="center", va="center", zorder=3)
    ax.set_title(title)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.autoscale_view()
    return fig
