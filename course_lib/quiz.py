"""Self-check questions that explain each answer, right or wrong.

A question works by keyboard, needs no network, and no kernel once it is shown. Questions and answers
may hold ``code`` in backquotes, **bold** words and line breaks; anything else stays as it is written.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import traitlets

from course_lib._widget import Widget

# Code first: what stands in backquotes is never bold (`x**2`).
_MARKUP = re.compile(r"`(?P<code>[^`\n]+)`|\*\*(?P<bold>[^*\n]+)\*\*|(?P<line>\n)")


def ask(question: str, right: Mapping[Any, str], wrong: Mapping[Any, str] | None = None) -> Widget:
    """Return a multiple-choice question; end the cell with it to show it.

    Parameters
    ----------
    question : str
    right : mapping of answer to explanation
        One right answer, or several: then the reader is asked to choose all that apply.
    wrong : mapping of answer to explanation
        What is tempting about each answer, and why it is not so.

    Returns
    -------
    Widget
        Its ``chosen`` is a list of the answers that were checked last, ``correct`` is None before that.
        The answers stand in an order that depends on their words alone.

    Raises
    ------
    ValueError
        When an answer is missing, stands twice or has no explanation.
    """
    answers = [(str(answer), why, True) for answer, why in right.items()]
    if not answers:
        raise ValueError("Expected at least one right answer, got none.")
    answers += [(str(answer), why, False) for answer, why in (wrong or {}).items()]
    if len(answers) < 2:
        raise ValueError("Expected at least two answers to choose from, got one.")
    names = [answer.strip() for answer, _, _ in answers]
    for answer, why, _ in answers:
        if not answer.strip() or names.count(answer.strip()) > 1:
            raise ValueError(f"Expected answers that differ and are not empty, got {answer!r} among {names}.")
        _require_words(why, f"an explanation of the answer {answer!r}")
    _require_words(question, "a question")
    answers.sort(key=lambda answer: hashlib.sha256(f"{question}\n{answer[0]}".encode()).digest())
    return _Choice(question, answers)


def number(
    question: str,
    answer: float,
    why: str,
    *,
    tolerance: float = 0.0,
    hints: Mapping[float, str] | None = None,
) -> Widget:
    """Return a question whose answer is a number to type; end the cell with it to show it.

    Parameters
    ----------
    question, why : str
        The question, and the explanation shown with the right answer.
    answer : float
    tolerance : float
        How far from ``answer`` still counts as right.
    hints : mapping of wrong number to explanation, optional
        What is said to the wrong numbers that people do give.

    Returns
    -------
    Widget
        Its ``chosen`` is the number that was checked last, ``correct`` is None before that.

    Raises
    ------
    ValueError
        When words are missing, a number is not finite, or a hint speaks of a right answer.
    """
    _require_words(question, "a question")
    _require_words(why, f"an explanation of the answer {answer!r}")
    hints = dict(hints or {})
    if not all(math.isfinite(value) for value in (answer, tolerance, *hints)) or tolerance < 0:
        raise ValueError("Expected finite numbers and a tolerance of at least 0.")
    for value, hint in hints.items():
        _require_words(hint, f"an explanation of the number {value!r}")
        if abs(value - answer) <= tolerance:
            raise ValueError(f"Expected hints for wrong numbers only, got {value!r}, which counts as right.")
    slack = 1e-9 * abs(answer)  # 0.15 is within 0.05 of 0.1, whatever binary fractions say
    return _Number(question, float(answer), why, tolerance + slack, hints)


class _Question(Widget):
    """What both kinds share: the front end, and whether the answer checked last is right."""

    _esm = Path(__file__).with_name("quiz.js")
    content = traitlets.Dict().tag(sync=True)
    correct = traitlets.Bool(None, allow_none=True).tag(sync=True)

    def fallback(self) -> tuple[str, str]:
        question, options, answers = self.words()
        shown = "".join(f"<li>{_html(option)}</li>" for option in options)
        folded = "".join(f"<li>{mark} <b>{_html(name)}</b> {_html(why)}</li>" for mark, name, why in answers)
        fold = f"<details><summary>Answer</summary><ul>{folded}</ul></details>"
        page = f"<div><p>{_html(question)}</p>{f'<ul>{shown}</ul>' if shown else ''}{fold}</div>"
        lines = [question, *(f"  - {option}" for option in options), "", "Answer:"]
        return page, "\n".join([*lines, *(f"  {mark} {name} {why}" for mark, name, why in answers)])

    def words(self) -> tuple[str, list[str], list[tuple[str, str, str]]]:
        """Return the question, the options, and a (mark, answer, explanation) for each answer."""
        raise NotImplementedError


class _Choice(_Question):
    chosen = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, question: str, answers: list[tuple[str, str, bool]]) -> None:
        self._asked, self._answers = question, answers
        self._right = {answer for answer, _, right in answers if right}
        options = [
            {"key": answer, "text": _pieces(answer), "why": _pieces(why), "right": right}
            for answer, why, right in answers
        ]
        kind = "many" if len(self._right) > 1 else "one"
        super().__init__(content={"kind": kind, "question": _pieces(question), "options": options})

    @traitlets.validate("chosen")
    def _known(self, proposal: Any) -> list[str]:
        unknown = set(proposal["value"]) - {answer for answer, _, _ in self._answers}
        if unknown:
            raise traitlets.TraitError(f"Expected answers of this question, got {sorted(unknown)}.")
        return proposal["value"]

    @traitlets.observe("chosen")
    def _check(self, change: Any) -> None:
        self.correct = set(self.chosen) == self._right if self.chosen else None

    def words(self) -> tuple[str, list[str], list[tuple[str, str, str]]]:
        many = " (Choose all that apply.)" if len(self._right) > 1 else ""
        order = sorted(self._answers, key=lambda answer: not answer[2])
        answers = [("✓ Right:" if right else "✗ Wrong:", f"{name}.", why) for name, why, right in order]
        return self._asked + many, [name for name, _, _ in self._answers], answers


class _Number(_Question):
    chosen = traitlets.Float(None, allow_none=True).tag(sync=True)

    def __init__(
        self, question: str, answer: float, why: str, tolerance: float, hints: dict[float, str]
    ) -> None:
        self._asked, self._answer, self._why, self._tolerance = question, answer, why, tolerance
        self._hints = hints
        content = {
            "kind": "number",
            "question": _pieces(question),
            "answer": answer,
            "tolerance": tolerance,
            "shown": _pieces(f"{answer:.10g}"),
            "why": _pieces(why),
            "hints": [{"value": value, "why": _pieces(hint)} for value, hint in hints.items()],
        }
        super().__init__(content=content)

    @traitlets.observe("chosen")
    def _check(self, change: Any) -> None:
        self.correct = None if self.chosen is None else abs(self.chosen - self._answer) <= self._tolerance

    def words(self) -> tuple[str, list[str], list[tuple[str, str, str]]]:
        wrong = [("✗ Wrong:", f"{value:.10g}.", hint) for value, hint in self._hints.items()]
        return self._asked, [], [("✓ Right:", f"{self._answer:.10g}.", self._why), *wrong]


def _require_words(text: Any, what: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"Expected {what}, got {text!r}.")


def _pieces(text: str) -> list[list[str]]:
    """Cut a text into [kind, words], so that the front end needs to parse nothing and trust nothing."""
    pieces, end = [], 0
    for found in _MARKUP.finditer(text.strip()):
        pieces += [["text", text.strip()[end : found.start()]]]
        pieces += [[str(found.lastgroup), found[str(found.lastgroup)]]]
        end = found.end()
    return [piece for piece in [*pieces, ["text", text.strip()[end:]]] if piece[1]]


def _html(text: str) -> str:
    tags = {"text": "{}", "code": "<code>{}</code>", "bold": "<strong>{}</strong>", "line": "<br>"}
    return "".join(tags[kind].format(escape(words)) for kind, words in _pieces(text))
