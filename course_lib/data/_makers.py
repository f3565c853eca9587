"""One function for each data set: from a seed and options to train, valid, test and class names."""

import difflib
import functools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from course_lib import _files
from course_lib.data import _download


class Split(NamedTuple):
    """The inputs ``X`` and the answers ``y`` of one part of a data set, two arrays of length n."""

    X: np.ndarray
    y: np.ndarray


# What a maker returns: train, valid, test, class names.
_Parts = tuple[Any, Any, Any, Sequence[str]]


# What the options must be


def suggest(word: object, choices: Iterable[str]) -> str:
    """Return a question that names the choice most like a word, if any is like it."""
    close = difflib.get_close_matches(str(word).lower().replace("_", "-"), list(choices), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_choice(what: str, value: object, choices: Iterable[str]) -> None:
    """Raise a ValueError unless a value is among the choices."""
    if value not in list(choices):
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"Expected {what} to be one of {listed}, got {value!r}{suggest(value, choices)}.")


def check_whole(what: str, value: object, low: int, high: int) -> None:
    """Raise a ValueError unless a value is a whole number with low <= value < high."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not low <= value < high:  # type: ignore[operator]
        raise ValueError(f"Expected {what} to be a whole number from {low:,} to {high - 1:,}, got {value!r}.")


def _divide(X: Any, y: Any, train: float, valid: float) -> tuple[Split, Split, Split]:
    """Cut arrays (already in random order) at the given fractions; what is left is for testing."""
    a, b = round(train * len(y)), round((train + valid) * len(y))
    return Split(X[:a], y[:a]), Split(X[a:b], y[a:b]), Split(X[b:], y[b:])


# Images


def _digits(seed: int, split: str = "random") -> _Parts:
    from sklearn.datasets import load_digits

    check_choice("split", split, ("random", "writers"))
    source = load_digits()
    X = (source.images[:, None] / 16).astype(np.float32)
    y = source.target.astype(np.int64)
    rng = np.random.default_rng(seed)
    if split == "writers":
        order = np.append(rng.permutation(1500), np.arange(1500, 1797))
        parts = _divide(X[order], y[order], 1200 / 1797, 300 / 1797)
    else:
        order = rng.permutation(1797)
        parts = _divide(X[order], y[order], 0.6, 0.15)
    return *parts, "0123456789"


def _glyphs(seed: int, n: int = 10_000) -> _Parts:
    check_whole("n", n, 100, 200_001)
    rng = np.random.default_rng(seed)
    with np.load(_files.path("data/glyphs.npz")) as file:
        masters = file["masters"].astype(np.float32) / 255
        unseen = file["families"] == "DejaVu Serif"
        characters = file["characters"].tolist()
    counts = np.diff(np.round(np.array([0, 0.6, 0.8, 1]) * n).astype(int))
    parts = []
    for count, fonts in zip(counts, (~unseen, ~unseen, unseen), strict=True):
        y = rng.integers(len(characters), size=count, dtype=np.int64)
        font = rng.choice(np.flatnonzero(fonts), count)
        # A thousand at a time: the work arrays then stay small, and in the processor's cache.
        pieces = [_distort(masters[f, c], rng) for f, c in zip(_chunks(font), _chunks(y), strict=True)]
        parts.append(Split(np.concatenate(pieces), y))
    return *parts, characters


def _chunks(array: np.ndarray) -> list[np.ndarray]:
    return np.array_split(array, range(1000, len(array), 1000))


def _distort(masters: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn, slant, stretch, shift, blur and fade pictures at random, and add noise.

    Parameters
    ----------
    masters : float32 array of shape (n, 56, 56)

    Returns
    -------
    float32 array of shape (n, 1, 28, 28), in [0, 1]
    """
    n, size, _ = masters.shape

    def draw(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)

    # Where in its master does each pixel of the new image come from?
    angle, slant, width, height = draw(-0.15, 0.15), draw(-0.15, 0.15), draw(0.85, 1.15), draw(0.85, 1.15)
    grid = np.arange(28, dtype=np.float32) - 13.5
    x, y = grid - draw(-2.5, 2.5), grid[:, None] - draw(-2.5, 2.5)
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    column = np.clip(2 * (x - slant * y) / width + (size - 1) / 2, 0, size - 1.001)
    row = np.clip(2 * y / height + (size - 1) / 2, 0, size - 1.001)

    # Mix the four neighbours of that place (bilinear interpolation).
    left, top = np.floor(column), np.floor(row)
    right, down = column - left, row - top
    corner = (top * size + left).astype(np.int64).reshape(n, -1)
    a, b, c, d = (
        np.take_along_axis(masters.reshape(n, -1), corner + step, axis=1).reshape(n, 28, 28)
        for step in (0, 1, size, size + 1)
    )
    image = (1 - down) * ((1 - right) * a + right * b) + down * ((1 - right) * c + right * d)

    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="edge")
    blurred = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    blurred = (blurred[:, :, :-2] + 2 * blurred[:, :, 1:-1] + blurred[:, :, 2:]) / 4
    image += draw(0, 1) * (blurred - image)
    image = image * draw(0.6, 1) + 0.05 * rng.standard_normal(image.shape, dtype=np.float32)
    return np.clip(image, 0, 1)[:, None]


def _photos(seed: int) -> _Parts:
    from sklearn.datasets import load_sample_images

    source = load_sample_images()
    X = np.stack(source.images).transpose(0, 3, 1, 2).astype(np.float32) / 255
    y = np.arange(len(X), dtype=np.int64)
    return Split(X, y), Split(X[:0], y[:0]), Split(X[:0], y[:0]), [Path(f).stem for f in source.filenames]


def _idx_images(name: str, classes: Sequence[str], seed: int) -> _Parts:
    content = _download.load(name)

    def part(images: str, labels: str) -> tuple[np.ndarray, np.ndarray]:
        return _download.read_idx(content[images], images), _download.read_idx(content[labels], labels)

    X, y = part("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
    order = np.random.default_rng(seed).permutation(len(y))
    test = part("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
    train, valid, _ = _divide(X[order], y[order], 5 / 6, 1 / 6)

    def scaled(X: np.ndarray, y: np.ndarray) -> Split:
        return Split(X[:, None].astype(np.float32) / np.float32(255), y.astype(np.int64))

    return scaled(*train), scaled(*valid), scaled(*test), classes


# Points in the plane


def _begin(
    seed: int, n: int, noise: float, classes: int
) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    """Return a generator, n labels in equal shares, and the scatter to add to their points."""
    check_whole("n", n, 10, 1_000_001)
    if not (isinstance(noise, (int, float, np.number)) and 0 <= noise < math.inf):
        raise ValueError(f"Expected noise to be a number that is zero or more, got {noise!r}.")
    rng = np.random.default_rng(seed)
    return rng, rng.permutation(np.arange(n) % classes), noise * rng.standard_normal((n, 2))


def _points(X: np.ndarray, y: np.ndarray, *classes: str) -> _Parts:
    return *_divide(X.astype(np.float32), y.astype(np.int64), 0.6, 0.2), classes


def _circle(angle: np.ndarray, radius: Any) -> np.ndarray:
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def _moons(seed: int, n: int = 1000, noise: float = 0.2) -> _Parts:
    rng, y, scatter = _begin(seed, n, noise, 2)
    upper = _circle(rng.uniform(0, np.pi, n), 1)
    X = np.where(y[:, None] == 0, upper, np.array([1, 0.5]) - upper)
    return _points(X + scatter, y, "upper moon", "lower moon")


def _spirals(seed: int, n: int = 1000, noise: float = 0.05) -> _Parts:
    rng, y, scatter = _begin(seed, n, noise, 2)
    along = np.sqrt(rng.uniform(0.15**2, 1, n))  # the square root: as many points a length of arm everywhere
    X = _circle(4 * np.pi * along + np.pi * y, 2 * along)
    return _points(X + scatter, y, "first arm", "second arm")


def _xor(seed: int, n: int = 1000, noise: float = 0.3) -> _Parts:
    _, corner, scatter = _begin(seed, n, noise, 4)
    X = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]])[corner]
    return _points(X + scatter, corner // 2, "same sign", "different signs")


def _rings(seed: int, n: int = 1000, noise: float = 0.15) -> _Parts:
    rng, y, scatter = _begin(seed, n, noise, 2)
    return _points(_circle(rng.uniform(0, 2 * np.pi, n), 1 + y) + scatter, y, "inner ring", "outer ring")


def _gaussians(seed: int, n: int = 1000, noise: float = 0.1) -> _Parts:
    _, y, scatter = _begin(seed, n, noise, 8)
    return _points(_circle(np.pi / 4 * y, 2) + scatter, y, *(f"{45 * k}°" for k in range(8)))


# Pairs of phrases

_DATE_LANGUAGES = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "ru", "tr"),
    *("ar", "hi", "zh", "ja", "ko"),
)
_FIRST_DAY, _DAYS = date(1950, 1, 1), 36_525  # to the end of 2049
# Languages in which num2words (0.5.14) says different numbers differently, without a mistake we know of.
_NUMBER_LANGUAGES = (
    *("en", "de", "fr", "es", "it", "nl", "pt", "pl", "ru", "sv", "da", "no", "fi", "cs", "hu", "ro", "uk"),
    *("ar", "he", "ja", "ko", "vi", "id"),
)


def _pairs(X: list[str], y: list[str]) -> _Parts:
    return *_divide(np.array(X), np.array(y), 0.8, 0.1), ()


def _dates(seed: int, n: int = 10_000, source: str = "en", target: str = "iso") -> _Parts:
    check_whole("n", n, 10, _DAYS + 1)
    check_choice("source", source, (*_DATE_LANGUAGES, "iso", "mixed"))
    check_choice("target", target, (*_DATE_LANGUAGES, "iso"))
    if source == target:
        raise ValueError(f"Expected source and target to differ, got {source!r} twice.")
    rng = np.random.default_rng(seed)
    days = [_FIRST_DAY + timedelta(int(k)) for k in rng.choice(_DAYS, n, replace=False)]
    languages = [code for code in _DATE_LANGUAGES if code != target] if source == "mixed" else [source]
    spoken = rng.choice(languages, n).tolist()
    styles = rng.uniform(size=n)
    X = [_date_phrase(day, code, style) for day, code, style in zip(days, spoken, styles, strict=True)]
    return _pairs(X, [_date_phrase(day, target) for day in days])


def _date_phrase(day: date, language: str, style: float | None = None) -> str:
    """Return a date as CLDR writes it: its long form, or the form that a number in [0, 1) picks."""
    from babel.dates import format_date

    if language == "iso":
        return day.isoformat()
    styles = _date_styles(language)
    chosen = "long" if style is None else styles[int(style * len(styles))]
    # Plain spaces, and no invisible marks of writing direction.
    return " ".join(re.sub("[\u200e\u200f]", "", format_date(day, chosen, language)).split())


@functools.cache
def _date_styles(language: str) -> tuple[str, ...]:
    """Return a language's forms, save those that cut the year to two figures or are ISO 8601 already."""
    from babel import Locale

    patterns = {style: str(pattern) for style, pattern in Locale.parse(language).date_formats.items()}
    unclear = re.compile("(?<!y)yy(?!y)|y-MM-dd")
    styles = ("full", "long", "medium", "short")
    return tuple(style for style in styles if not unclear.search(patterns[style]))


def _numbers(
    seed: int, n: int = 10_000, source: str = "en", target: str = "de", maximum: int = 999_999
) -> _Parts:
    from num2words import num2words

    check_choice("source", source, (*_NUMBER_LANGUAGES, "digits"))
    check_choice("target", target, (*_NUMBER_LANGUAGES, "digits"))
    if source == target:
        raise ValueError(f"Expected source and target to differ, got {source!r} twice.")
    check_whole("maximum", maximum, 99, 1_000_000_000)
    check_whole("n", n, 10, min(maximum + 1, 500_000) + 1)
    chosen = np.random.default_rng(seed).choice(maximum + 1, n, replace=False).tolist()

    def say(number: int, language: str) -> str:
        return str(number) if language == "digits" else " ".join(num2words(number, lang=language).split())

    return _pairs([say(k, source) for k in chosen], [say(k, target) for k in chosen])


# Texts


def _text(text: str) -> _Parts:
    a, b = int(0.8 * len(text)), int(0.9 * len(text))
    return text[:a], text[a:b], text[b:], ()


def _help_text(seed: int) -> _Parts:
    """Return the running CPython's help topics without headings' underlines, tables and repetitions.

    Some topics contain others word for word: left alone, a fifth of the validation text would also stand
    in the training text.
    """
    from pydoc_data.topics import topics

    lines = "\n\n".join(topics[name].strip() for name in sorted(topics)).split("\n")
    layout = re.compile(r"\s*([*=~^\"'.-])\1{2,}\s*|\s*[+|].*[+|]\s*")
    text = "\n".join(line.rstrip() for line in lines if not layout.fullmatch(line))
    kept: dict[str, None] = {}
    for number, paragraph in enumerate(re.split(r"\n{2,}", text)):
        kept.setdefault(paragraph if len(paragraph) > 60 else f"{number}\0{paragraph}")
    return _text("\n\n".join(paragraph.split("\0")[-1] for paragraph in kept))


def _shakespeare(seed: int) -> _Parts:
    return _text(_download.load("shakespeare")["input.txt"].decode())


_FASHION = (
    *("T-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
MAKERS: dict[str, Callable[..., _Parts]] = {
    "digits": _digits,
    "glyphs": _glyphs,
    "moons": _moons,
    "spirals": _spirals,
    "xor": _xor,
    "rings": _rings,
    "gaussians": _gaussians,
    "photos": _photos,
    "dates": _dates,
    "numbers": _numbers,
    "help-text": _help_text,
    "mnist": functools.partial(_idx_images, "mnist", "0123456789"),
    "fashion-mnist": functools.partial(_idx_images, "fashion-mnist", _FASHION),
    "shakespeare": _shakespeare,
}
