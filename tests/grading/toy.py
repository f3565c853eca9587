"""A small assignment, written to a folder like a real one; tests change one thing in it."""

import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_lib.grading import assignment

CONFIG = Path(__file__).parents[2] / "nbgrader_config.py"

SETUP = "import numpy as np\n\nfrom course_lib.checking import close, inout, raises"

ANSWER = '''\
def center(x):
    """Subtract the mean; an empty array is a ValueError."""
    ### BEGIN SOLUTION
    if len(x) == 0:
        raise ValueError("Expected at least one number.")
    return x - np.mean(x)
    ### END SOLUTION'''

VISIBLE = """\
# The numbers 1, 2, 6 become -2, -1, 3.
close(center(np.array([1.0, 2.0, 6.0])), np.array([-2.0, -1.0, 3.0]), hint="subtract the mean")"""

ERRORS = """\
# No numbers at all are a ValueError.
with raises(ValueError):
    center(np.array([]))"""

HIDDEN = """\
# Hidden check: random numbers.
### BEGIN HIDDEN TESTS
numbers = np.random.normal(size=7)
before = numbers.copy()
close(center(inout(numbers)), before - before.mean())
close(numbers, before, hint="the array that was handed in has changed")
### END HIDDEN TESTS"""

WORDS = "Because then the bias does not have to learn where the data lies."

ANSWERS = '''\
"""Answers to the toy."""

import numpy as np

from course_lib.grading.trial import right, wrong


@wrong("q1-values", "q1-random")
def center(x):
    """Subtracts the median."""
    if len(x) == 0:
        raise ValueError("empty")
    return x - np.median(x)


@wrong("q1-random")
def center(x):
    """Works in place."""
    if len(x) == 0:
        raise ValueError("empty")
    x -= x.mean()
    return x


@right
def center(x):
    """Loops."""
    if not len(x):
        raise ValueError("empty")
    return np.array([value - sum(x) / len(x) for value in x])
'''


def cell(kind, grade_id, source, points=None, **options):
    """Make an answer, check or manual cell with nbgrader's metadata."""
    new = new_markdown_cell if kind == "manual" else new_code_cell
    marks = {
        "grade": kind != "answer",
        "grade_id": grade_id,
        "locked": kind == "check",
        "schema_version": 3,
        "solution": kind != "check",
        "task": False,
    }
    if points is not None:
        marks["points"] = points
    return new(source, id=grade_id, metadata={"nbgrader": marks} | options)


def notebook(**changes):
    """Return the toy's notebook; ``changes`` replace the source of a cell, "" leaves the cell out."""
    sources = {
        "prose": "## Question 1: Center (6 points)\n\nMake the mean zero.",
        "setup": SETUP,
        "answer": ANSWER,
        "visible": VISIBLE,
        "errors": ERRORS,
        "hidden": HIDDEN,
        "words": WORDS,
    } | changes
    cells = [
        new_markdown_cell("# Toy", id="title"),
        new_code_cell(sources["setup"], id="setup"),
        new_markdown_cell(sources["prose"], id="prose"),
        cell("answer", "q1", sources["answer"]),
        cell("check", "q1-values", sources["visible"], 2),
        cell("check", "q1-errors", sources["errors"], 1),
        cell("check", "q1-random", sources["hidden"], 3),
        new_markdown_cell("## Question 2: Why? (4 points)", id="why"),
        cell("manual", "q2", sources["words"], 4),
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return new_notebook(cells=[c for c in cells if c.source], metadata=kernel)


def write(root, answers=ANSWERS, **changes):
    """Write the toy below ``root`` as a course has it, and read it as an Assignment."""
    folder = Path(root) / "solutions" / "99_toy"
    folder.mkdir(parents=True)
    shutil.copy(CONFIG, root)
    nbformat.write(notebook(**changes), folder / "toy.ipynb")
    (folder / "answers.py").write_text(answers, encoding="utf-8")
    return assignment.read(folder)
