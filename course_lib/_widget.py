"""The base of the course's widgets: errors are shown, and where nothing runs them a static version is."""

import sys
from pathlib import Path
from typing import Any

import anywidget
import traitlets

_IN_COLAB_MODULE = "google.colab.output"
_SHARED = Path(__file__).parent / "demos"


class Widget(anywidget.AnyWidget):
    """An anywidget that carries a static version of itself.

    Where widgets are drawn (JupyterLab, Notebook, Colab, VS Code) the front end prefers the live
    view; a static page, a viewer without widgets or a terminal shows :meth:`fallback` instead.

    Attributes
    ----------
    error : str
        What went wrong in Python while it handled a change made in the browser; ``""`` if nothing
        did. A module made with :func:`script` shows it in the widget.
    """

    error = traitlets.Unicode("").tag(sync=True)

    # True while a change that was made in the browser is taken over: callbacks then need not answer it.
    _from_browser = False
    # ipywidgets 7 (Colab) would otherwise display the live view alone.
    _ipython_display_ = None

    def fallback(self) -> tuple[str, str]:
        """Return the static version as ``(html, plain text)``."""
        raise NotImplementedError

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what the browser changed; ipywidgets would hide an error in the kernel's log."""
        self._from_browser = True
        try:
            super().set_state(sync_data)
        except Exception as problem:
            self.error = f"{type(problem).__name__}: {problem}"
            raise
        finally:
            self._from_browser = False
        self.error = ""

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        html, text = self.fallback()
        data = {**data, "text/plain": text}
        if not _in_colab():  # Colab always draws widgets, and must not prefer the static version
            data["text/html"] = html
        return data, metadata


def script(python_file: str) -> str:
    """Return the ES module beside ``python_file``, after the helpers that every demo shares.

    anywidget loads one module a widget, so the two are joined here instead of imported there.
    """
    own = Path(python_file).with_suffix(".js")
    return (_SHARED / "_common.js").read_text("utf-8") + own.read_text("utf-8")


def stylesheet() -> str:
    """Return the style sheet that goes with :func:`script`."""
    return (_SHARED / "_common.css").read_text("utf-8")


def _in_colab() -> bool:
    return _IN_COLAB_MODULE in sys.modules
