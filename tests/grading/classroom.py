"""A class of submissions whose marks are known beforehand, made from what answers.py lists."""

import random
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.grading import assignment as assignments
from course_lib.grading.assignment import Assignment
from course_lib.grading.trial import Candidate, answers


@dataclass(frozen=True)
class Student:
    """A submission, and the checks that it must and must not pass."""

    name: str
    notebook: NotebookNode
    passes: frozenset[str]
    fails: frozenset[str]


def student(name: str, assignment: Assignment, release: NotebookNode, rng: random.Random) -> Student:
    """Answer each question rightly, wrongly or not at all, as students do."""
    notebook = nbformat.from_dict(release)
    notebook = nbformat.reads(nbformat.writes(notebook), as_version=4)
    known, _ = answers(assignment)
    passes: set[str] = set()
    fails: set[str] = set()
    for question in assignment.questions:
        places = assignment.answers(question)
        if not places:  # read by a person
            continue
        checks = {c.name for c in assignment.checks if c.question == question and c.kind != "manual"}
        reference = {place: assignment.notebook.cells[place].source for place in places}
        choices: list[Candidate | None] = [c for c in known if c.question == question]
        chosen = rng.choice([*choices, *[None] * len(choices)])  # half of all answers are the reference
        if rng.random() < 0.1:
            fails |= checks  # not answered
            continue
        for place in places:
            sources = reference | (chosen.sources if chosen else {})
            notebook.cells[place].source = sources[place]
        if chosen is None or chosen.kind == "right":
            passes |= checks
        else:
            fails |= set(chosen.checks)
    for cell in notebook.cells:
        if assignments.role(cell) == "manual" and rng.random() < 0.8:
            cell.source = f"In my words, {name}."
    return Student(name, notebook, frozenset(passes), frozenset(fails))


def hand_in(students: list[Student], assignment: Assignment, folder: Path) -> None:
    """Write submissions as students' folders."""
    for one in students:
        path = folder / one.name / assignment.name / assignment.path.name
        path.parent.mkdir(parents=True)
        nbformat.write(one.notebook, path)
