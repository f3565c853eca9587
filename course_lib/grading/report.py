"""How a class did on an assignment: figures and tables, for instructors."""

import csv
import html
import io
import json
import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_lib import plotting
from course_lib.grading import records
from course_lib.grading.assignment import AssignmentError

# What is read of the tables that grading writes, and the columns of those that are written here.
SUMMARY = ("student_id", "assignment", "score", "max_score", "submission_status")
GRADES = ("student_id", "assignment", "question", "check", "score", "max_score", "status", "message")
CHECKS = ("check", "question", "n", "passed", "difficulty", "discrimination", "seconds")
HINTS = ("check", "question", "status", "submissions", "share", "message")

_FAILED = ("failed", "error", "timeout", "memory", "crashed")
_LEAST = 3  # submissions that a correlation needs
_LOW = 0.2  # correlation below which a check says little about the rest
_SHOWN = 10  # hints in the figure
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.I)


@dataclass(frozen=True)
class Check:
    """How one check went.

    ``n`` submissions have points for it, ``passed`` of them all its points. Its discrimination is the
    point-biserial correlation of passing it with the points for all the other checks.
    """

    name: str
    question: str
    n: int
    passed: int
    discrimination: float | None  # None for fewer than three submissions, or where all are alike
    seconds: float | None  # on average; None where the results do not hold it

    @property
    def difficulty(self) -> float | None:
        """The share that passed: the lower, the harder."""
        return self.passed / self.n if self.n else None


@dataclass(frozen=True)
class Hint:
    """A message, with how many submissions met it; messages that differ in their numbers are one."""

    check: str
    question: str
    status: str
    submissions: int
    message: str  # the commonest of them


@dataclass(frozen=True)
class Report:
    """Where the report is, and what it is made of."""

    folder: Path
    counts: Mapping[str, int]  # submissions by status
    scores: Mapping[str, float]  # by student: readable submissions with points
    checks: tuple[Check, ...]
    hints: tuple[Hint, ...]
    problems: tuple[str, ...]


def report(out: Path, assignment: str) -> Report:
    """Write figures, tables and a page that shows them to ``OUT/report/ASSIGNMENT/``.

    Only submissions that could be read and have points are in the figures; the others are counted.

    Raises
    ------
    AssignmentError
        When the assignment was not graded in this folder, or a table is damaged.
    """
    summary = _table(out / "summary.csv", SUMMARY, assignment)
    grades = _table(out / "grades.csv", GRADES, assignment)
    counts = Counter(row["submission_status"] for row in summary)
    readable = [row for row in summary if row["submission_status"] in ("intact", "repaired")]
    path = out / "summary.csv"
    scores = {row["student_id"]: _float(row["score"], path) for row in readable if row["score"]}
    grades = [row for row in grades if row["student_id"] in scores]
    times, own, problems = _times(out / "results" / assignment, scores)
    checks = _checks(grades, own, out / "grades.csv")
    hints = _hints(grades)

    folder = out / "report" / assignment
    _write_table(folder / "checks.csv", CHECKS, map(_check_row, checks))
    _write_table(folder / "hints.csv", HINTS, (_hint_row(hint, len(scores)) for hint in hints))
    figures = {}
    if scores:
        figures["scores"] = _draw_scores(list(scores.values()), _float(summary[0]["max_score"], path))
        figures["checks"] = _draw_checks(checks)
    if hints:
        figures["hints"] = _draw_hints(hints[:_SHOWN], len(scores))
    if times:
        figures["seconds"] = _draw_seconds(times)
    for name in ("scores", "checks", "hints", "seconds"):
        (folder / f"{name}.png").unlink(missing_ok=True)  # of a run before
    for name, figure in figures.items():
        (folder / f"{name}.png").write_bytes(figure.png())
    page = _page(assignment, counts, len(scores), figures)
    records.write_text(folder / "index.html", page)
    return Report(folder, dict(counts), scores, checks, hints, tuple(problems))


# Reading


def _table(path: Path, columns: Sequence[str], assignment: str) -> list[dict[str, str]]:
    """Return the rows of an assignment; further columns are left alone."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            lacking = set(columns) - set(reader.fieldnames or ())
            if lacking:
                raise AssignmentError(f"{path} lacks the columns {', '.join(sorted(lacking))}.")
            rows = [row for row in reader if row["assignment"] == assignment]
    except FileNotFoundError as error:
        raise AssignmentError(f"There is no {path}: run course grade {assignment} first.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AssignmentError(f"{path} cannot be read ({error}).") from error
    if not rows:
        raise AssignmentError(f"{path} has no row of {assignment}: run course grade {assignment} first.")
    return [{key: row[key] or "" for key in columns} for row in rows]


def _float(text: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise AssignmentError(f"{path}: {text!r} stands where a number of points should be.") from error


def _times(folder: Path, students: Iterable[str]) -> tuple[list[float], dict[str, list[float]], list[str]]:
    """Return seconds of each submission, seconds of each check where they are known, and problems."""
    times, own, problems = [], defaultdict(list), []
    for student in students:
        path = folder / f"{student}.json"
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            times.append(float(result["seconds"]))
            for verdict in result["verdicts"]:
                if isinstance(verdict.get("seconds"), int | float):
                    own[verdict["check"]].append(float(verdict["seconds"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            problems.append(f"{path} cannot be read ({type(error).__name__}): its time is left out.")
    return times, own, problems


# Statistics


def _checks(
    grades: Sequence[Mapping[str, str]], seconds: Mapping[str, list[float]], path: Path
) -> tuple[Check, ...]:
    """Return what is known of each check, in the assignment's order."""
    points: dict[str, dict[str, float]] = defaultdict(dict)  # by check and student
    passed: dict[str, dict[str, bool]] = defaultdict(dict)
    questions = {row["check"]: row["question"] for row in grades}
    for row in grades:
        if row["score"]:
            score, most = _float(row["score"], path), _float(row["max_score"], path)
            points[row["check"]][row["student_id"]] = score
            passed[row["check"]][row["student_id"]] = score >= most
    total: Counter[str] = Counter()
    for of_check in points.values():
        total.update(of_check)
    return tuple(
        Check(
            check,
            question,
            len(passed[check]),
            sum(passed[check].values()),
            _correlation(
                list(passed[check].values()),
                [total[student] - score for student, score in points[check].items()],
            ),
            float(np.mean(seconds[check])) if seconds.get(check) else None,
        )
        for check, question in questions.items()
    )


def _correlation(passed: Sequence[bool], rest: Sequence[float]) -> float | None:
    if len(passed) < _LEAST or len(set(passed)) < 2 or np.ptp(rest) < 1e-9:
        return None
    return float(np.corrcoef(np.asarray(passed, dtype=float), rest)[0, 1])


def _hints(grades: Sequence[Mapping[str, str]]) -> tuple[Hint, ...]:
    """Return what submissions were told, the commonest first."""
    groups: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for row in grades:
        if row["status"] in _FAILED:
            sentence, *details = row["message"].strip().split("\n")
            told = [line.strip() for line in details if line.startswith("  hint: ")]
            message = " ".join([sentence, *told])
            key = row["check"], row["question"], row["status"], _NUMBER.sub("…", message)
            groups[key][message] += 1
    hints = [
        Hint(check, question, status, said.total(), said.most_common(1)[0][0])
        for (check, question, status, _), said in groups.items()
    ]
    return tuple(sorted(hints, key=lambda hint: -hint.submissions))


# Tables


def _check_row(check: Check) -> tuple[str | int, ...]:
    numbers = (check.difficulty, check.discrimination, check.seconds)
    shown = ("" if value is None else f"{value:.3f}" for value in numbers)
    return (check.name, check.question, check.n, check.passed, *shown)


def _hint_row(hint: Hint, submissions: int) -> tuple[str | int, ...]:
    share = f"{hint.submissions / submissions:.3f}"
    return (hint.check, hint.question, hint.status, hint.submissions, share, hint.message)


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[tuple[str | int, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    records.write_text(path, text.getvalue())


# Figures


def _draw_scores(scores: Sequence[float], most: float) -> plotting.Figure:
    middle, number = float(np.median(scores)), records.number
    title = f"Half of {len(scores)} submissions have {middle:.4g} of {number(most)} points or more"
    if len(scores) == 1:
        title = f"One submission: {number(scores[0])} of {number(most)} points"
    low, high = min(scores), max(scores)
    figure, ax = plotting.figure(
        size=(7.0, 3.4), alt=f"{title}. The lowest has {number(low)}, the highest {number(high)}."
    )
    ticks = MaxNLocator(12, steps=[1, 2, 2.5, 5, 10]).tick_values(min(0.0, low), max(most, high) or 1.0)
    edges = [float(tick) for tick in ticks]
    _histogram(ax, scores, edges, middle, f"median {middle:.4g}")
    ax.set(xlabel="points", xticks=edges, xlim=(edges[0], edges[-1]))
    ax.xaxis.set_major_formatter("{x:.4g}")
    ax.set_title(title)
    return figure


def _draw_seconds(times: Sequence[float]) -> plotting.Figure:
    middle, slowest = float(np.median(times)), max(times)
    title = f"Half of {len(times)} submissions take {middle:.3g} s or less, the slowest {slowest:.3g} s"
    if len(times) == 1:
        title = f"One submission: {slowest:.3g} s"
    figure, ax = plotting.figure(size=(7.0, 3.4), alt=f"{title}.")
    edges = np.linspace(0.0, slowest or 1.0, min(21, len(times) + 5)).tolist()
    _histogram(ax, times, edges, middle, f"median {middle:.3g} s")
    ax.set(xlabel="seconds to grade a submission", xlim=(0, edges[-1]))
    ax.set_title(title)
    return figure


def _histogram(ax: Axes, values: Sequence[float], edges: list[float], middle: float, label: str) -> None:
    ax.hist(values, edges, color=plotting.COLORS[0], edgecolor="white", linestyle="-")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel("submissions")
    ax.set_ylim(top=ax.get_ylim()[1] * 1.12)  # room for the label
    if len(values) > 1:
        ax.axvline(middle, color=plotting.COLORS[1], linestyle="--")
        right = middle > (edges[0] + edges[-1]) / 2
        ax.annotate(
            label,
            (middle, 1.0),
            (-5 if right else 5, -4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
            color=plotting.COLORS[1],
        )


def _draw_checks(checks: Sequence[Check]) -> plotting.Figure:
    graded = [check for check in checks if check.n]
    hardest = min(graded, key=lambda check: check.difficulty or 0.0, default=None)
    title = "Nothing is graded yet"
    if hardest:
        title = f"{hardest.name} is passed least: {hardest.difficulty:.0%}"
        title = "Every check is passed by everyone" if hardest.difficulty == 1 else title
    known = [check for check in checks if check.discrimination is not None]
    low = [check.name for check in known if (check.discrimination or 0.0) < _LOW]
    said = f"{len(low)} of {len(known)} checks say little about the rest" if low else "All go with the rest"
    said += f" (n = {max((check.n for check in checks), default=0)})"
    alt = f"{title}. {said + (': ' + ', '.join(low) if low else '') + '.' if known else ''}"
    size = (9.0, 1.5 + 0.27 * len(checks))
    figure, axes = plotting.figure(1, 1 + bool(known), alt=alt, size=size, sharey=True, squeeze=False)
    left, *others = axes[0]
    for place, check in enumerate(checks):
        share = check.difficulty
        left.barh(place, share or 0.0, color=plotting.COLORS[0], height=0.7)
        left.text(
            (share or 0.0) + 0.01, place, "not graded yet" if share is None else f"{share:.0%}", va="center"
        )
    left.set_yticks(range(len(checks)), [check.name for check in checks], parse_math=False)
    left.set(ylim=(len(checks) - 0.4, -0.6), xlim=(0, 1.12), xticks=(0, 0.25, 0.5, 0.75, 1))
    left.set_xlabel("share of submissions that pass")
    left.xaxis.set_major_formatter(PercentFormatter(1))
    left.set_title(title, parse_math=False, loc="left")
    for ax in others:
        _draw_discrimination(ax, checks)
        ax.set_title(said, loc="left")
    return figure


def _draw_discrimination(ax: Axes, checks: Sequence[Check]) -> None:
    for place, check in enumerate(checks):
        ax.axhline(place, color="#DDDDDD", linewidth=0.8, linestyle="-", zorder=0)
        if check.discrimination is not None:
            low = check.discrimination < _LOW
            marker, color = ("X", plotting.COLORS[1]) if low else ("o", plotting.COLORS[0])
            ax.scatter(check.discrimination, place, marker=marker, color=color, s=45)
    ax.axvline(0, color="#666666", linewidth=1, linestyle="-")
    ax.set(xlim=(-1.05, 1.05), xlabel=f"correlation with the other points (✖: below {_LOW})")
    ax.tick_params(axis="y", length=0)


def _draw_hints(hints: Sequence[Hint], submissions: int) -> plotting.Figure:
    first = hints[0]
    title = f"Met most: {first.check}, by {first.submissions} of {submissions} submissions"
    figure, ax = plotting.figure(
        size=(9.0, 1.4 + 0.62 * len(hints)), alt=f"{title}. It says: {_drawable(first.message)}"
    )
    labels = [
        textwrap.shorten(_drawable(hint.message) or hint.status, 140, placeholder=" …") for hint in hints
    ]
    labels = [textwrap.fill(f"{hint.check}: {label}", 58) for hint, label in zip(hints, labels, strict=True)]
    counts = [hint.submissions for hint in hints]
    ax.barh(range(len(hints)), counts, color=plotting.COLORS[0], height=0.6)
    for place, count in enumerate(counts):
        ax.text(count, place, f" {count}", va="center")
    ax.set_yticks(range(len(hints)), labels, fontsize=9, parse_math=False)
    ax.set(ylim=(len(hints) - 0.4, -0.6), xlim=(0, max(counts) * 1.12), xlabel="submissions")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(title, fontsize=12, parse_math=False)
    return figure


def _drawable(text: str) -> str:
    """Return text in letters that the figures' font has."""
    return "".join(c if c < "\u0590" or "\u2010" <= c <= "\u22ff" else "?" for c in records.plain(text))


def _page(
    assignment: str, counts: Mapping[str, int], shown: int, figures: Mapping[str, plotting.Figure]
) -> str:
    """Return a page with the figures and their alternative texts."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    pictures = "\n".join(
        f'<p><img src="{name}.png" alt="{html.escape(figure.alt)}" style="max-width: 100%"></p>'
        for name, figure in figures.items()
    )
    title = html.escape(assignment)
    return f"""\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Report: {title}</title></head>
<body style="font-family: sans-serif; max-width: 60em; margin: 1em auto; padding: 0 1em">
<h1>{title}</h1>
<p>{sum(counts.values())} submissions: {html.escape(kinds)}. The figures show the {shown} that could be read
and have points. For instructors: what is below tells of hidden checks.</p>
{pictures}
<p>Tables: <a href="checks.csv">checks.csv</a>, <a href="hints.csv">hints.csv</a></p>
</body></html>
"""
