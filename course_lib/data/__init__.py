"""The course's data sets: ``load(name)`` returns any of them, split for training, validation and testing.

All but ``mnist``, ``fashion-mnist`` and ``shakespeare`` need no network. Those three are downloaded the
first time they are asked for; every file is checked against its SHA-256 each time it is read.
``data/README.md`` has a card for each data set.
"""

import functools
import inspect
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from course_lib import _files
from course_lib.data import _download
from course_lib.data._download import cache_folder
from course_lib.data._makers import MAKERS, Split, check_choice, check_whole, suggest

__all__ = ["Dataset", "Listed", "Split", "cache_folder", "cached", "load", "names"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set, as :func:`load` returns it.

    Attributes
    ----------
    name : str
    train, valid, test : Split, or str for a text
        Images: X of shape (n, channels, height, width), float32 in [0, 1]; 2-D points: X of shape
        (n, 2), float32; both with y of shape (n,), int64. Pairs of phrases: X and y of shape (n,), str.
    classes : tuple of str
        ``classes[label]`` is the name of a label; empty where there are no labels.
    card : str
        Where the data comes from, its licence, its limits (Markdown).
    """

    name: str
    train: Any
    valid: Any
    test: Any
    classes: tuple[str, ...]
    card: str

    def __repr__(self) -> str:
        if isinstance(self.train, str):
            sizes = f"{len(self.train):,} / {len(self.valid):,} / {len(self.test):,} characters"
        else:
            each = f" of shape {self.train.X.shape[1:]}" if self.train.X.ndim > 1 else ""
            sizes = f"{len(self.train.X):,} / {len(self.valid.X):,} / {len(self.test.X):,} examples{each}"
        classes = f"; {len(self.classes)} classes" if self.classes else ""
        return f"Dataset {self.name!r}: {sizes} (train / valid / test){classes}"


class Listed(NamedTuple):
    """One line of :func:`names`."""

    name: str
    description: str
    network: bool


def load(name: str, *, seed: int = 0, **options: Any) -> Dataset:
    """Return a data set, split into train, valid and test.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    seed : int
        Decides what is generated and how it is split; the same seed gives the same arrays. Texts,
        ``photos`` and the test images of ``mnist`` and ``fashion-mnist`` do not depend on it.
    **options
        ``n`` counts the examples of all three parts together.

        - ``digits``: ``split="random"`` (25 % for testing) or ``"writers"`` (the last 297, by other hands)
        - ``glyphs``: ``n=10_000``
        - ``moons``, ``spirals``, ``xor``, ``rings``, ``gaussians``: ``n=1000``, ``noise=…`` (standard
          deviation of the scatter)
        - ``dates``: ``n=10_000``, ``source="en"`` (a language code, ``"iso"`` or ``"mixed"``),
          ``target="iso"`` (a language code or ``"iso"``)
        - ``numbers``: ``n=10_000``, ``source="en"``, ``target="de"`` (language codes or ``"digits"``),
          ``maximum=999_999``

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        When there is no such data set, or an option's value is out of range.
    TypeError
        When the data set has no such option.
    OSError
        When a file could not be downloaded.
    """
    check_choice("name", name, MAKERS)
    maker = MAKERS[name]
    known = [option for option in inspect.signature(maker).parameters if option != "seed"]
    for option in options:
        if option not in known:
            has = f"its options are {', '.join(known)}" if known else "it has none but seed"
            raise TypeError(f"The data set {name!r} has no option {option!r}{suggest(option, known)}: {has}.")
    check_whole("seed", seed, 0, 2**63)
    train, valid, test, classes = maker(seed, **options)
    return Dataset(name, train, valid, test, tuple(classes), _cards()[name])


def names() -> list[Listed]:
    """Return every data set's name, with a line about it and whether its first use needs the network."""
    downloads = _download.registry()
    return [Listed(name, card.splitlines()[2], name in downloads) for name, card in _cards().items()]


def cached(name: str) -> bool:
    """Tell whether a data set can be loaded without the network: embedded, or downloaded and undamaged."""
    check_choice("name", name, MAKERS)
    return name not in _download.registry() or _download.is_cached(name)


@functools.cache
def _cards() -> dict[str, str]:
    """Return each data set's card, from the sections of ``data/README.md``."""
    text = _files.path("data/README.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {section.splitlines()[0].strip(): f"## {section.strip()}\n" for section in sections}
