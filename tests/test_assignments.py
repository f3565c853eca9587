"""Every assignment is released as it is written, and its checks judge answers as their author says."""

import re
from pathlib import Path

import nbformat
import pytest
import torch

from course_lib.grading import assignment as assignments
from course_lib.grading.examiner import Examiner
from course_lib.grading.release import convert, leaks, misplaced_names, released, vague_exceptions
from course_lib.grading.trial import trial

from . import verify
from .test_notebooks import SETUP, address

ROOT = Path(__file__).parents[1]
NAMES = assignments.names()
each_assignment = pytest.mark.parametrize("name", NAMES)


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_lecture_has_its_assignment():
    lectures = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))]
    assert lectures == NAMES


@each_assignment
def test_what_is_released_is_what_is_written_byte_for_byte(name, tmp_path):
    made = files(convert(assignments.load(name), tmp_path))
    assert made == files(ROOT / "assignments" / name), f"run: course release {name}"


@each_assignment
def test_a_release_gives_nothing_away(name):
    source = assignments.load(name)
    problems = [*misplaced_names(source), *vague_exceptions(source)]
    problems += leaks(source, ROOT / "assignments" / name)
    assert problems == []


@each_assignment
def test_checks_judge_answers_and_mutants_as_they_must(name, measured):
    source = assignments.load(name)
    result = trial(source, released(source), mutants_each=10, progress=False)
    assert result.problems() == [], result.table()
    counted = result.counted()
    measured(
        f"{name:24}{sum(o.ok for o in counted)} of {len(counted)} mutants caught   "
        f"{len(result.of('wrong'))} wrong and {len(result.of('right'))} right answers judged"
    )


@each_assignment
def test_every_question_has_wrong_and_right_answers_to_learn_from(name):
    source = assignments.load(name)
    from course_lib.grading.trial import answers

    known, _ = answers(source)
    for question in source.questions:
        if source.answers(question):
            kinds = [candidate.kind for candidate in known if candidate.question == question]
            assert kinds.count("wrong") >= 5, question
            assert kinds.count("right") >= 2, question


@each_assignment
def test_the_reference_passes_behind_walls_in_half_a_minute(name, measured):
    source = assignments.load(name)
    with Examiner(source, "bwrap", "cpu") as examiner:
        examined, _ = examiner.examine_reference(seed=0)
    assert [v for v in examined.verdicts if v.status != "passed"] == []
    measured(f"{name:24}{examined.seconds:6.1f} s   the reference, behind walls")
    assert examined.seconds <= 30


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card here")
@each_assignment
def test_the_reference_runs_on_cuda_without_an_edit(name):
    with Examiner(assignments.load(name), "bwrap", "cuda") as examiner:
        examined, _ = examiner.examine_reference(seed=0)
    assert [v for v in examined.verdicts if v.status != "passed"] == []


@each_assignment
def test_an_assignment_opens_anywhere_and_says_how_it_works(name):
    source = assignments.load(name)
    cells = source.notebook.cells
    repository = address().removeprefix("https://github.com/")
    path = f"assignments/{name}/{source.path.name}"
    assert f"(https://colab.research.google.com/github/{repository}/blob/main/{path})" in cells[0].source
    assert f"(https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{path})" in cells[0].source
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert first.source == SETUP.format(address=address())
    for word in ("**You need**", "**Time:**"):
        assert any(word in cell.source for cell in cells if cell.cell_type == "markdown")


@each_assignment
def test_questions_are_worth_ten_points_and_say_so(name):
    source = assignments.load(name)
    assert 4 <= len(source.questions) <= 6
    for number, question in enumerate(source.questions, start=1):
        assert question == f"q{number}"
        assert sum(check.points for check in source.checks if check.question == question) == 10
        assert source.title(question).startswith(f"Question {number}: ")
    headings = [
        cell.source.split("\n")[0] for cell in source.notebook.cells if cell.source.startswith("## Q")
    ]
    assert all("(10 points" in heading for heading in headings)


@each_assignment
def test_internal_links_lead_somewhere(name):
    source = assignments.load(name)
    folder = ROOT / "assignments" / name
    for cell in source.notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)\s]+)\)", cell.source):
                assert target.startswith("http") or (folder / target).exists(), target


@each_assignment
def test_sources_are_stored_without_outputs(name):
    for cell in nbformat.read(assignments.load(name).path, as_version=4).cells:
        assert not cell.get("outputs"), "run: make strip"
        assert not cell.get("execution_count"), "run: make strip"


@pytest.mark.parametrize("part", verify.parts())
def test_what_takes_long_was_verified_as_it_is_now(part):
    assert part not in verify.stale(), "run: make verify"
