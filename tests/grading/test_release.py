"""What students get gives nothing away, and what does not keep its promises is not released."""

import nbformat
import pytest

from course_lib.grading import assignment
from course_lib.grading.assignment import AssignmentError
from course_lib.grading.release import convert, leaks, misplaced_names, release, vague_exceptions

from . import toy


def refusals(tmp_path, answers=toy.ANSWERS, **changes):
    """Release a changed toy; return the reasons for which it is refused."""
    source = toy.write(tmp_path, answers, **changes)
    _, problems = release(source)
    assert problems
    assert not (tmp_path / "assignments").exists(), "a refused assignment was written"
    return "\n".join(problems)


def test_a_good_assignment_is_released_without_its_answers(tmp_path):
    table, problems = release(toy.write(tmp_path))
    assert problems == []
    assert "2 of 2" in table
    assert "1 of 1" in table
    (path,) = (tmp_path / "assignments" / "99_toy").iterdir()
    text = path.read_text(encoding="utf-8")
    assert path.name == "toy.ipynb"
    assert "YOUR CODE HERE" in text
    assert "YOUR ANSWER HERE" in text
    assert "# Hidden check: random numbers." in text
    for secret in ("np.mean", "BEGIN", "END", "np.random.normal", "bias does not have to learn"):
        assert secret not in text


def test_a_release_is_the_same_byte_for_byte_each_time(tmp_path):
    source = toy.write(tmp_path)
    first = (convert(source, tmp_path / "a") / "toy.ipynb").read_bytes()
    second = (convert(source, tmp_path / "b") / "toy.ipynb").read_bytes()
    assert first == second


def test_a_release_leaves_no_old_file_behind(tmp_path):
    old = tmp_path / "assignments" / "99_toy" / "old_name.ipynb"
    old.parent.mkdir(parents=True)
    old.write_text("{}", encoding="utf-8")
    release(toy.write(tmp_path))
    assert not old.exists()


def test_a_solution_line_in_the_text_is_refused(tmp_path):
    found = refusals(tmp_path, prose="## Question 1\n\nThink of `return x -  np.mean(x)` here.")
    assert "toy.ipynb, cell '## Question 1': it gives away a line of q1: return x - np.mean(x)" in found


def test_a_line_of_a_hidden_check_in_the_text_is_refused(tmp_path):
    found = refusals(tmp_path, prose="## Question 1\n\nWe try numbers = np.random.normal(size=7), too.")
    assert "it gives away a line of q1-random: numbers = np.random.normal(size=7)" in found


def test_a_solution_in_an_output_or_in_metadata_is_found(tmp_path):
    source = toy.write(tmp_path)
    folder = convert(source, tmp_path / "out")
    path = folder / "toy.ipynb"
    clean = nbformat.read(path, as_version=4)
    clean.cells[2].metadata["draft"] = "return x - np.mean(x)"
    clean.cells[1].outputs = [nbformat.v4.new_output("stream", text="return x - np.mean(x)")]
    nbformat.write(clean, path)
    places = [sentence.split(":")[0] for sentence in leaks(source, folder)]
    assert places == ["toy.ipynb, cell 'import numpy as np'", "toy.ipynb, cell '## Question 1"]


def test_code_beside_the_notebook_is_refused_but_answers_and_caches_are_never_copied(tmp_path):
    source = toy.write(tmp_path)
    beside = source.path.parent
    (beside / "__pycache__").mkdir()
    (beside / "__pycache__" / "answers.cpython-311.pyc").write_bytes(b"")
    (beside / ".ipynb_checkpoints").mkdir()
    (beside / ".ipynb_checkpoints" / "toy-checkpoint.ipynb").write_text("{}", encoding="utf-8")
    assert list(leaks(source, convert(source, tmp_path / "a"))) == []
    (beside / "reference.py").write_text("pass", encoding="utf-8")
    (problem,) = leaks(source, convert(source, tmp_path / "b"))
    assert problem.startswith("reference.py: code beside the notebook")


def test_a_data_file_that_holds_a_solution_line_is_refused(tmp_path):
    source = toy.write(tmp_path)
    (source.path.parent / "notes.txt").write_text("see: return x - np.mean(x)", encoding="utf-8")
    (problem,) = leaks(source, convert(source, tmp_path / "a"))
    assert "notes.txt" in problem


def test_a_reference_that_fails_is_refused(tmp_path):
    found = refusals(tmp_path, answer=toy.ANSWER.replace("np.mean(x)", "np.median(x)"))
    assert (
        "cell q1: the reference fails q1-random, q1-values with seed 0: q1-values says: The result" in found
    )
    assert "seed 1" not in found, "once is enough"


def test_a_check_that_an_empty_answer_passes_is_refused(tmp_path):
    found = refusals(tmp_path, visible="# There is a function.\nassert callable(center)")
    assert "cell q1-values: an empty answer passes q1-values." in found


def test_a_wrong_answer_that_passes_is_refused(tmp_path):
    weak = "# The numbers 1, 2, 3.\nclose(center(np.array([1.0, 2.0, 3.0])), np.array([-1.0, 0.0, 1.0]))"
    found = refusals(tmp_path, visible=weak)
    assert "cell q1-values: it passes the wrong answer 'Subtracts the median.' (answers.py, line 9)." in found


def test_a_right_answer_that_fails_is_refused(tmp_path):
    strict = toy.VISIBLE + "\nassert 'mean' in center.__code__.co_names"
    found = refusals(tmp_path, visible=strict)
    assert "cell q1: the right answer 'Loops.' (answers.py, line 26) fails: q1-values says" in found


def test_checks_that_miss_mutants_are_refused_and_the_survivors_shown(tmp_path):
    source = toy.write(
        tmp_path,
        '"""None."""\n',
        prose="## Question 1: Center (3 points)",
        visible="# It returns something.\nassert center(np.array([2.0])) is not None",
        errors="# The shape stays.\nassert center(np.ones(3)).shape == (3,)",
        hidden="",
    )
    table, problems = release(source)
    assert problems[:2] == [f"answers.py: there is no {kind} answer to q1." for kind in ("wrong", "right")]
    assert "at least 95% are due" in problems[2]
    assert "survivor, q1: center: return x - np.mean(x) → return x + np.mean(x)" in table
    assert "-     return x - np.mean(x)" in table


def test_a_survivor_that_is_declared_equivalent_does_not_count(tmp_path):
    answer = toy.ANSWER.replace("len(x) == 0", "len(x) <= 0")
    label = "center: if len(x) <= 0: → if len(x) < 0:"
    declared = toy.ANSWERS + f"\nEQUIVALENT = {{{label!r}: 'only to show it'}}\n"
    found = refusals(tmp_path, declared, answer=answer)
    assert f"the mutant {label!r} is listed as equivalent, but a check catches it" in found


def test_an_equivalent_mutant_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(AssignmentError, match="there is no such mutant"):
        release(toy.write(tmp_path, toy.ANSWERS + "\nEQUIVALENT = {'center: a → b': 'reason'}\n"))


@pytest.mark.parametrize("name", ["Exception", "BaseException", "NotImplementedError", "RuntimeError"])
def test_a_check_that_any_exception_satisfies_is_refused(tmp_path, name):
    source = toy.write(tmp_path, errors=toy.ERRORS.replace("ValueError)", f"{name})"))
    (problem,) = vague_exceptions(source)
    assert problem.startswith(f"toy.ipynb, cell q1-errors: {name} is what an empty answer raises")


def test_a_bare_except_in_a_check_is_refused(tmp_path):
    bare = "# Errors.\ntry:\n    center(np.array([]))\nexcept:\n    pass"
    (problem,) = vague_exceptions(toy.write(tmp_path, errors=bare))
    assert "cell q1-errors" in problem


def test_an_answer_that_uses_a_name_made_in_a_check_is_refused(tmp_path):
    answer = toy.ANSWER.replace("x - np.mean(x)", "x - before.mean()")
    (problem,) = misplaced_names(toy.write(tmp_path, answer=answer))
    assert problem.startswith("toy.ipynb, cell q1: it uses 'before', which is made in a check.")


def test_a_check_that_uses_a_name_made_in_another_check_is_refused(tmp_path):
    errors = "# A name of the hidden check.\nassert len(numbers) == 7"
    (problem,) = misplaced_names(toy.write(tmp_path, errors=errors))
    assert problem.startswith("toy.ipynb, cell q1-errors: it uses 'numbers'")


@pytest.mark.parametrize(
    ("cell", "source", "reason"),
    [
        (
            "answer",
            toy.ANSWER.replace("    ### END SOLUTION", ""),
            "cell q1: each '### BEGIN SOLUTION' needs",
        ),
        (
            "hidden",
            toy.HIDDEN.replace("### END", "### THE END"),
            "cell q1-random: each '### BEGIN HIDDEN TESTS'",
        ),
        ("answer", toy.ANSWER.replace("### ", "###"), "cell q1: put '### BEGIN SOLUTION'"),
        ("answer", "def center(x):\n    return x", "cell q1: put '### BEGIN SOLUTION'"),
        ("visible", "# One.\nclose(center(", "cell q1-values: line 2: '(' was never closed."),
        (
            "prose",
            "## Question 1: Center (7 points)",
            "q1: the heading promises 7 points, its checks have 6.",
        ),
    ],
)
def test_what_is_half_done_is_refused_with_the_cell(tmp_path, cell, source, reason):
    assert reason in refusals(tmp_path, **{cell: source})


def test_an_unclosed_solution_is_refused_with_nbgraders_reason(tmp_path):
    source = toy.write(tmp_path, answer=toy.ANSWER.replace("### END SOLUTION", ""))
    with pytest.raises(AssignmentError, match="no end solution statement"):
        convert(source, tmp_path / "out")


def test_a_hidden_check_without_its_mark_is_refused(tmp_path):
    bare = toy.HIDDEN.replace("### BEGIN HIDDEN TESTS\n", "")
    with pytest.raises(AssignmentError, match="cell q1-random"):
        toy.write(tmp_path, hidden=bare)


def test_a_check_without_a_sentence_is_refused(tmp_path):
    with pytest.raises(AssignmentError, match="cell q1-values: the first line of a check is a comment"):
        toy.write(tmp_path, visible="assert True")


def test_two_cells_with_one_grade_id_are_refused(tmp_path):
    source = toy.write(tmp_path)
    twice = nbformat.read(source.path, as_version=4)
    twice.cells.append(twice.cells[4].copy())
    nbformat.write(twice, source.path)
    with pytest.raises(AssignmentError, match="cell q1-values: two cells have this grade id"):
        assignment.read(source.path.parent)


def test_an_unknown_assignment_is_named_with_those_that_exist():
    with pytest.raises(AssignmentError, match=r"no assignment 'nope'; there are 00_start_here"):
        assignment.load("nope")
