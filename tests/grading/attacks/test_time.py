"""Loops that do not listen cost what they take, never the next student."""

import pytest

from tests.grading.attacks import target

LOOPS = {
    "while True": "while True:\n        pass",
    "catches everything": "while True:\n        try:\n            while True:\n                pass\n        except BaseException:\n            pass",
    "a sleep in C": "import ctypes\n    ctypes.CDLL(None).sleep(1000)",
    "a regular expression": "import re\n    re.match('(a+)+b', 'a' * 60)",
    "a huge number": "return 7 ** (10 ** 9)",
    "signals ignored": "import signal\n    for s in range(1, 32):\n        try:\n            signal.signal(s, signal.SIG_IGN)\n        except (OSError, ValueError):\n            pass\n    while True:\n        pass",
    "a sum of everything": "import itertools\n    return sum(itertools.count())",
    "sorted in C": "x = np.zeros(10**7)\n    while True:\n        np.sort(x)",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_in_an_answer_is_a_timeout_and_costs_its_check_only(hurried, name):
    answers = {"q1": f"def average(numbers):\n    {LOOPS[name]}", "q11": target.right("q11")}
    outcome = hurried.attack("", answers, checks=["q1-values", "q11-words"], gains={"q11-words"})
    assert outcome.statuses["q1-values"] in ("timeout", "memory"), outcome.statuses
    assert outcome.seconds < 15


HIDDEN = {
    "in a generator": ("q7", "def batches(n, size):\n    yield [0, 1]\n    while True:\n        pass", "q7-batches"),
    "a generator without end": ("q7", "def batches(n, size):\n    while True:\n        yield [0, 1]", "q7-batches"),
    "in a property": ("q5", "class Tally:\n    add = lambda self, amount: self\n    @property\n    def total(self):\n        while True:\n            pass", "q5-total"),
    "in a constructor": ("q5", "class Tally:\n    def __new__(cls):\n        while True:\n            pass", "q5-total"),
    "between callbacks": ("q6", "def root(f, low, high):\n    while True:\n        f(1.0)", "q6-root"),
    "in a length": ("q1", "class L(list):\n    def __len__(self):\n        while True:\n            pass\n    __iter__ = __len__\ndef average(numbers):\n    return L()", "q1-values"),
    "in a text": ("q1", "class E(Exception):\n    def __str__(self):\n        while True:\n            pass\ndef average(numbers):\n    raise E", "q1-values"),
    "in a conversion": ("q1", "class F(float):\n    def __float__(self):\n        while True:\n            pass\n    __pos__ = __index__ = __float__\ndef average(numbers):\n    return F()", "q1-random"),
    "while going": ("q1", "class D:\n    def __del__(self):\n        while True:\n            pass\ndef average(numbers):\n    D()\n    return 0.0", "q1-values"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", HIDDEN)
def test_a_loop_in_a_corner_ends(hurried, name):
    question, answer, check = HIDDEN[name]
    assert hurried.attack("", {question: answer}, checks=[check]).seconds < 15


@pytest.mark.slow
@pytest.mark.parametrize("name", ["while True", "catches everything", "a sleep in C", "signals ignored"])
def test_a_cell_that_hangs_costs_a_right_answer_nothing(hurried, name):
    source = f"def f():\n    {LOOPS[name]}\nf()"
    notebook = hurried.notebook(source, answered=True, checks=["q1-values", "q2-random"])
    assert hurried.examine(notebook).passed == {"q1-values", "q2-random"}


@pytest.mark.slow
def test_threads_that_keep_running_cost_a_right_answer_nothing(hurried):
    source = "import threading\nfor i in range(3):\n    threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()"
    notebook = hurried.notebook(source, answered=True, checks=["q1-values", "q2-random"])
    hurried.examine(notebook)
    hurried.assert_next_is_right()
