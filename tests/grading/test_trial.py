"""The trial finds what checks miss, and no candidate can disturb another."""

import pytest

from course_lib.grading import trial as trials
from course_lib.grading.assignment import AssignmentError
from course_lib.grading.mutants import mutants
from course_lib.grading.trial import answers, trial

from . import toy


def outcomes(source, kind):
    # The toy's own cells stand in for the release: this is about the other kinds of candidates.
    return trial(source, source.notebook, mutants_each=0, progress=False).of(kind)


def test_answers_replace_one_definition_and_keep_the_rest_of_the_cell(tmp_path):
    helper = "def helper():\n    return 3\n\n\n" + toy.ANSWER
    candidates, _ = answers(toy.write(tmp_path, answer=helper))
    (source,) = candidates[0].sources.values()
    assert source.startswith("def helper():\n    return 3")
    assert "np.median" in source
    assert "np.mean" not in source
    assert "@wrong" not in source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "@wrong('q1-values')\ndef other(x):\n    'No.'\n",
            "line 2: no answer cell of toy.ipynb defines 'other'",
        ),
        (
            "@wrong('q7-values')\ndef center(x):\n    'No.'\n",
            "line 2: @wrong names 'q7-values'; it must name checks of q1",
        ),
        ("@wrong()\ndef center(x):\n    'No.'\n", "line 2: @wrong names nothing; it must name checks of q1"),
        ("def center(x):\n    'No.'\n", "line 1: center needs one decorator"),
        ("@right\ndef center(x):\n    pass\n", "line 2: center needs one decorator, .* and a docstring"),
        ("def center(:\n", "answers.py, line 1: "),
    ],
)
def test_a_mistake_in_answers_py_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(AssignmentError, match=message):
        answers(toy.write(tmp_path, text))


def test_an_answer_that_hangs_times_out_and_the_next_is_tried(tmp_path):
    hanging = (
        toy.ANSWERS
        + '\n\n@wrong("q1-values")\ndef center(x):\n    """Waits."""\n    while True:\n        pass\n'
    )
    found = outcomes(toy.write(tmp_path, hanging), "wrong")
    assert [o.ok for o in found] == [True, True, True]
    assert {v.status for v in found[-1].verdicts} == {"timeout"}


def test_an_answer_that_ends_its_process_harms_no_other(tmp_path):
    deadly = (
        toy.ANSWERS
        + '\n\n@wrong("q1-values")\ndef center(x):\n    """Dies."""\n    import os\n\n    os._exit(3)\n'
    )
    found = outcomes(toy.write(tmp_path, deadly), "wrong")
    assert [o.ok for o in found] == [True, True, True]
    assert {v.status for v in found[-1].verdicts} == {"crashed"}


def test_hidden_inputs_differ_between_checks_and_seeds_and_repeat_with_them(tmp_path):
    tell = "# Tells what was drawn.\nassert False, str(np.random.random())"
    source = toy.write(tmp_path, '"""None."""', visible=tell, hidden=tell, errors="")
    drawn = []
    for _ in range(2):
        found = outcomes(source, "reference")
        drawn.append([[v.message for v in o.verdicts if v.status == "failed"] for o in found])
    assert drawn[0] == drawn[1]
    everything = [message for messages in drawn[0] for message in messages]
    assert len(everything) == len(set(everything)) == 2 * trials.SEEDS


SOURCE = '''\
def f(x, n=3):
    """Text is left alone."""
    ### BEGIN SOLUTION
    total = np.sum(x, axis=0)
    if n > 2 and total is not None:
        total += 1
    return -total / n @ x.T, f"{n + 1}"
    ### END SOLUTION
'''


@pytest.mark.parametrize(
    "line",
    [
        "total = np.mean(x, axis=0)",  # sum for mean
        "total = np.sum(x, axis=1)",  # the other axis
        "pass",  # a statement left out
        "if n >= 2 and total is not None:",  # one off
        "if n > 3 and total is not None:",
        "if n > 2 or total is not None:",
        "if n > 2 and total is None:",
        "total -= 1",
        "total = 1",  # the sum is not accumulated
        "return (total / n @ x.T, f'{n + 1}')",  # a sign
        "return (-total * n @ x.T, f'{n + 1}')",
        "return (-total / n @ x, f'{n + 1}')",  # a transpose
    ],
)
def test_mutants_make_the_mistakes_that_people_make(line):
    assert any(line in (text.strip() for text in m.source.splitlines()) for m in mutants(SOURCE))


def test_mutants_change_one_thing_and_only_in_the_solution():
    for mutant in mutants(SOURCE):
        assert "def f(x, n=3):" in mutant.source
        assert "Text is left alone." in mutant.source
        assert "f'{n + 1}'" in mutant.source or mutant.label.endswith("(left out)")
        assert mutant.diff
    labels = [mutant.label for mutant in mutants(SOURCE)]
    assert len(labels) == len(set(labels))


def test_a_sample_of_mutants_is_spread_over_all_questions(tmp_path):
    source = toy.write(tmp_path)
    result = trial(source, source.notebook, mutants_each=3, progress=False)
    assert len(result.of("mutant", "q1")) == 3
