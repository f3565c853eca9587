"""Each check gets the verdict it deserves, whatever the others and the student's code do."""

import nbformat
import pytest

from course_lib.grading import examiner
from course_lib.grading.examiner import Cell, Examiner, run_here

from . import toy


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """An examiner of the toy behind walls, and what the reference has shown."""
    source = toy.write(tmp_path_factory.mktemp("toy"))
    with Examiner(source, "bwrap", "cpu") as one:
        _, reference = one.examine_reference(seed=1)
        yield one, reference


def submission(answer, *extra):
    """The toy with this answer, and further cells of the student's before its checks."""
    notebook = toy.notebook(answer=answer)
    for source in extra:
        notebook.cells.insert(4, nbformat.v4.new_code_cell(source, metadata={"course": {"extra": True}}))
    return notebook


def statuses(toys, notebook):
    one, reference = toys
    examined = one.examine(notebook, reference, seed=1)
    return {verdict.check: verdict.status for verdict in examined.verdicts}


GOOD = toy.ANSWER
ALL_PASSED = {"q1-values": "passed", "q1-errors": "passed", "q1-random": "passed"}


def test_a_right_answer_passes_each_check(toys):
    one, reference = toys
    examined = one.examine(submission(GOOD), reference, seed=1)
    assert {v.check: v.status for v in examined.verdicts} == ALL_PASSED
    assert all(v.message == "" for v in examined.verdicts)


def test_a_wrong_answer_fails_with_the_message_of_its_check(toys):
    one, reference = toys
    wrong = submission("def center(x):\n    return x - np.median(x)")
    examined = one.examine(wrong, reference, seed=1)
    verdict = examined.verdicts[0]
    assert (verdict.check, verdict.status) == ("q1-values", "failed")
    assert "hint: subtract the mean" in verdict.message


def test_outputs_are_kept_of_cells_after_a_hidden_check_but_nothing_that_it_has_shown(toys):
    one, reference = toys
    notebook = submission(
        GOOD + "\n\nseen = []\nkept = center\ndef center(x):\n    seen.append(x)\n    return kept(x)"
    )
    for source in ("print('after', len(seen))", "raise ValueError(str(seen))"):
        cell = nbformat.v4.new_code_cell(source, metadata={"course": {"extra": True}})
        notebook.cells.insert(7, cell)
    examined = one.examine(notebook, reference, seed=1)
    assert {v.check: v.status for v in examined.verdicts} == ALL_PASSED
    assert examined.notebook.cells[8].outputs[0].text == "after 2\n", "the two visible checks' calls"
    assert "ValueError" in examined.notebook.cells[7].outputs[0].ename


def test_noise_costs_nothing(toys):
    noise = (
        "import sys, warnings\nwarnings.warn('careful')\nprint('x' * 1000, file=sys.stderr)\nprint('done')",
        "import logging\nlogging.getLogger().error('loud')",
        "1 / 0",
        "this is no Python",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    )
    assert statuses(toys, submission(GOOD, *noise)) == ALL_PASSED


def test_a_check_that_hangs_costs_only_itself(toys, monkeypatch):
    monkeypatch.setattr(examiner, "CHECK_SECONDS", 2.0)
    answer = GOOD.replace("    if len(x) == 0:", "    while len(x) == 0:\n        pass\n    if len(x) == 0:")
    assert statuses(toys, submission(answer)) == ALL_PASSED | {"q1-errors": "timeout"}


def test_a_check_that_ends_the_kernel_costs_only_itself(toys):
    answer = GOOD.replace(
        "        raise ValueError", "        __import__('os')._exit(0)\n        raise ValueError"
    )
    assert statuses(toys, submission(answer)) == ALL_PASSED | {"q1-errors": "crashed"}


@pytest.mark.parametrize("source", ["while True:\n    pass", "import os\nos._exit(1)", "exit()", "quit()"])
def test_an_extra_cell_that_hangs_or_quits_costs_nothing(toys, source, monkeypatch):
    monkeypatch.setattr(examiner, "CELL_SECONDS", 4.0)
    assert statuses(toys, submission(GOOD, source)) == ALL_PASSED


def test_all_cells_together_have_a_limit(toys, monkeypatch):
    monkeypatch.setattr(examiner, "CELL_SECONDS", 2.0)
    monkeypatch.setattr(examiner, "SUBMISSION_SECONDS", 5.0)
    found = statuses(toys, submission(GOOD, *["import time\ntime.sleep(60)"] * 5))
    assert set(found.values()) == {"timeout"}
    assert len(found) == 3


def test_the_cpu_is_all_there_is_unless_a_card_is_asked_for(toys):
    answer = GOOD + "\n\nimport torch\nassert not torch.cuda.is_available()"
    assert statuses(toys, submission(answer)) == ALL_PASSED


def test_a_submission_runs_in_an_empty_folder_of_its_own(toys):
    answer = (
        GOOD
        + "\n\nimport os\nassert set(os.listdir('.')) <= {'.ipython'}, os.listdir('.')\n"
        + "open('mine.txt', 'w').write('x')"
    )
    assert statuses(toys, submission(answer)) == ALL_PASSED


def test_the_notebook_that_was_handed_over_is_not_changed(toys):
    notebook = submission(GOOD, "print('hello')")
    before = nbformat.writes(notebook)
    one, reference = toys
    examined = one.examine(notebook, reference, seed=1)
    assert nbformat.writes(notebook) == before
    assert examined.notebook.cells[4].outputs[0].text == "hello\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("assert False", "failed"),
        ("raise NotImplementedError", "failed"),
        ("raise MemoryError", "memory"),
        ("1 / 0", "error"),
    ],
)
def test_an_exception_becomes_a_status_and_a_message(error, status):
    (verdict,) = run_here([Cell(error, "q1-values")], 0)
    assert verdict.status == status
    assert verdict.message, "there is always something to read"


def test_cells_of_the_instructor_run_in_this_process_and_print_nothing(capsys):
    cells = [Cell("x = 1"), Cell("print('hello')\nassert x == 1", "a"), Cell("raise SystemExit", "b")]
    assert [v.status for v in run_here(cells, 0)] == ["passed", "error"]
    assert capsys.readouterr().out == ""
