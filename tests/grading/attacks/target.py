"""The assignment that is attacked: one question for each way in which checks cross the border."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_lib.grading import assignment
from course_lib.grading.assignment import BEGIN_SOLUTION, END_SOLUTION
from tests.grading.toy import cell

SETUP = """\
import numpy as np
import torch
from torch import nn

from course_lib.checking import close, inout, raises"""

STUB = "    raise NotImplementedError"

# Question -> signature and body of the reference.
REFERENCE = {
    "q1": ("def average(numbers):", "    return sum(numbers) / len(numbers)"),
    "q2": (
        "def center(x):",
        "    if len(x) == 0:\n        raise ValueError('Expected at least one number.')\n    return x - np.mean(x)",
    ),
    "q3": ("def softmax(logits):", "    return torch.softmax(logits, dim=-1)"),
    "q4": ("def double(x):", "    x *= 2"),
    "q5": (
        "class Tally:",
        "    def __init__(self):\n        self.total = 0\n\n"
        "    def add(self, amount):\n        self.total += amount\n        return self",
    ),
    "q6": (
        "def root(f, low, high):",
        "    for _ in range(60):\n        middle = (low + high) / 2\n"
        "        low, high = (middle, high) if f(middle) < 0 else (low, middle)\n    return middle",
    ),
    "q7": (
        "def batches(n, size):",
        "    for start in range(0, n, size):\n        yield list(range(start, min(start + size, n)))",
    ),
    "q8": ("def noise(n):", "    return np.random.normal(size=n)"),
    "q9": (
        "def network(inputs):",
        "    net = nn.Sequential(nn.Linear(inputs, 1))\n    nn.init.ones_(net[0].weight)\n"
        "    nn.init.zeros_(net[0].bias)\n    return net",
    ),
    "q10": (
        "def count(net):",
        "    return sum(parameter.numel() for parameter in net.parameters())",
    ),
    "q12": ("def total(loss, batches):", "    return sum(loss(batch) for batch in batches)"),
    "q11": ("def shout(word):", "    return word.upper() + '!'"),
}

# Grade id -> source; a hidden check says so in its first line.
CHECKS = {
    "q1-values": "# The average of 1, 2, 6 is 3.\nclose(average([1.0, 2.0, 6.0]), 3.0, hint='divide by the length')",
    "q1-random": "# Hidden check: random numbers.\nnumbers = list(np.random.normal(size=5))\n"
    "assert abs(average(numbers) - sum(numbers) / 5) < 1e-9, 'another average was due'",
    "q2-values": "# The numbers 1, 2, 6 become -2, -1, 3.\n"
    "close(center(np.array([1.0, 2.0, 6.0])), np.array([-2.0, -1.0, 3.0]), hint='subtract the mean')",
    "q2-errors": "# No numbers at all are a ValueError.\nwith raises(ValueError):\n    center(np.array([]))",
    "q2-random": "# Hidden check: random numbers.\nx = np.random.normal(size=7)\n"
    "close(center(x), x - x.mean())\nassert np.allclose(center(x), x - x.mean())",
    "q3-random": "# Hidden check: rows that sum to one.\nlogits = torch.randn(4, 3)\n"
    "close(softmax(logits), torch.softmax(logits, -1))\nassert torch.equal(softmax(logits).argmax(1), logits.argmax(1))",
    "q4-place": "# The array itself is doubled.\nx = np.array([1.0, 4.0])\ndouble(inout(x))\nclose(x, np.array([2.0, 8.0]))",
    "q5-total": "# Hidden check: what was added is the total.\ntally, amounts = Tally(), [3, 4, 5]\n"
    "for amount in amounts:\n    tally.add(amount)\nclose(tally.total, sum(amounts))",
    "q6-root": "# Hidden check: a random root.\nwhere = np.random.uniform(1, 2)\n"
    "close(root(lambda x: x - where, 0.0, 3.0), where, rtol=1e-6)",
    "q6-each": "# Where the functions vanish.\nassert all(map(lambda c: abs(root(lambda x: x - c, 0.0, 9.0) - c) < 1e-6, [1.0, 2.0]))",
    "q7-batches": "# Five in twos.\nassert list(batches(5, 2)) == [[0, 1], [2, 3], [4]], 'the last one is shorter'",
    "q8-seed": "# Hidden check: draws from the global generator.\nnp.random.seed(5)\ngot = noise(4)\nnp.random.seed(5)\n"
    "close(got, np.random.normal(size=4))",
    "q9-sum": "# Hidden check: a network that adds.\nX = torch.randn(6, 3)\nclose(network(3)(X)[:, 0], X.sum(1))",
    "q10-count": "# Weights and biases.\nassert count(nn.Linear(3, 2)) == 8, 'biases count, too'",
    "q12-each": "# The loss of a batch is its first number.\nassert all(map(lambda n: total(lambda batch: next(iter(batch)), [[n], [n]]) == 2 * n, [1, 2])), 'another total was due'",
    "q11-words": "# Hidden check: another word.\nassert shout('{word}') == '{word}!'.upper(), 'louder'",
}

NAMES = {question: head.split("(")[0].split()[-1].rstrip(":") for question, (head, _) in REFERENCE.items()}


def write(root, canary, word):
    """Write the assignment below ``root``; its hidden checks hold a canary, and hand over a word."""
    cells = [new_markdown_cell("# Target", id="title"), new_code_cell(SETUP, id="setup")]
    for question, (head, body) in REFERENCE.items():
        cells.append(new_markdown_cell(f"## Question {question} (2 points)", id=f"{question}-text"))
        solution = f"{head}\n    {BEGIN_SOLUTION}\n{body}\n    {END_SOLUTION}"
        cells.append(cell("answer", question, solution))
        for name, source in CHECKS.items():
            if name.split("-")[0] == question:
                cells.append(cell("check", name, _check(source.replace("{word}", word), canary), 1))
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    folder = root / "solutions" / "98_target"
    folder.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "target.ipynb")
    return assignment.read(folder)


def _check(source, canary):
    first, rest = source.split("\n", 1)
    if not first.startswith("# Hidden"):
        return source
    return f"{first}\n### BEGIN HIDDEN TESTS\nnote = '{canary}'  # {canary}\n{rest}\n### END HIDDEN TESTS"


def right(question):
    """Return a right answer."""
    return "\n".join(REFERENCE[question])


def stub(question):
    """Return what stands in an answer's cell when students get it."""
    head, _ = REFERENCE[question]
    return f"{head}\n{STUB}" if head.startswith("def") else f"{head}\n    def __init__(self):\n    {STUB}"


def everything(body):
    """Return answers to all questions: functions of any arguments, with one body."""
    return {question: f"def {name}(*args, **kwargs):\n    {body}" for question, name in NAMES.items()}
