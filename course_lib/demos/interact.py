"""A figure that is redrawn while its controls move.

Like ``ipywidgets.interact``, with what a lecture needs besides: the picture does not flicker and keeps its
alternative text, Jupyter leaves the keys to the controls, an error is shown in the widget, and a page
without widgets shows the starting figure.
"""

import base64
import inspect
from collections.abc import Callable
from typing import Any

import traitlets

from course_lib._widget import Widget, script, stylesheet
from course_lib.plotting import Figure


class interact(Widget):  # noqa: N801 - used like the function of ipywidgets
    """Show what a drawing function returns, with a control for each of its arguments.

    Parameters
    ----------
    draw : callable
        Called with the controls' values by name; returns a Figure. Its defaults are the start values.
    **controls
        ``(low, high)`` for a slider of 40 steps, or of whole numbers where both are whole; ``(low, high,
        step)``; or a list of texts to choose from.

    Raises
    ------
    ValueError
        When a control is none of these, or the function has no such argument with a default.
    """

    _esm = script(__file__)
    _css = stylesheet()

    controls: Any = traitlets.List().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    drawn = traitlets.Int(0).tag(sync=True)  # counts, so that the browser knows when an answer has come

    def __init__(self, draw: Callable[..., Figure], **controls: Any) -> None:
        self._draw = draw
        arguments = inspect.signature(draw).parameters
        for name in controls:
            if name not in arguments or arguments[name].default is inspect.Parameter.empty:
                raise ValueError(f"Expected {name} to be an argument of {draw.__name__} with a default.")
        start = {name: arguments[name].default for name in controls}
        super().__init__(controls=[_control(name, given) for name, given in controls.items()], values=start)
        self._redraw()
        self.observe(self._redraw, "values")

    def _redraw(self, *_: Any) -> None:
        values = dict(self.values)
        for control in self.controls:  # the browser has only one kind of number
            if "step" in control and not isinstance(control["step"], int):
                values[control["name"]] = float(values[control["name"]])
        try:
            figure = self._draw(**values)
            self.picture = "data:image/png;base64," + base64.b64encode(figure.png()).decode()
            self.alt = figure.alt
        finally:
            self.drawn += 1

    def fallback(self) -> tuple[str, str]:
        """Return the starting figure and its words."""
        figure = self._draw()
        return figure.to_html(), f"Figure with controls: {figure.alt}"


def _control(name: str, given: Any) -> dict[str, Any]:
    """Describe a control for the browser."""
    if isinstance(given, list) and given and all(isinstance(choice, str) for choice in given):
        return {"name": name, "choices": given}
    if isinstance(given, tuple) and len(given) in (2, 3) and all(isinstance(n, int | float) for n in given):
        low, high = given[:2]
        step = given[2] if len(given) == 3 else 1 if isinstance(low, int) else (high - low) / 40
        return {"name": name, "min": low, "max": high, "step": step}
    raise ValueError(
        f"Expected {name} to be (low, high), (low, high, step) or a list of texts, got {given!r}."
    )
