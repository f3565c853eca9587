"""Helpers for the course's notebooks: data, training, checks, plots, demos.

Submodules are imported on first use, so ``import course_lib`` loads neither torch nor matplotlib.
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

__all__ = ["checking", "data", "demos", "device", "plotting", "quiz", "training"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
