import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.demos import perceptron
from course_lib.demos.perceptron import PerceptronDemo

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "xor": [0, 1, 1, 0]}


@pytest.mark.parametrize(("gate", "epochs", "updates"), [("and", 6, 10), ("or", 4, 4), ("nand", 6, 11)])
def test_separable_gates_take_the_known_numbers_of_epochs_and_updates(gate, epochs, updates):
    visits = list(perceptron.steps(CORNERS, GATES[gate]))
    assert visits[-1].epoch == epochs
    assert sum(visit.updated for visit in visits) == updates
    assert ((CORNERS @ visits[-1].w + visits[-1].b > 0) == GATES[gate]).all()


def test_the_rule_is_the_one_in_the_docstring():
    first = next(perceptron.steps([[2.0, -3.0]], [1]))
    assert (first.updated, first.w.tolist(), first.b) == (True, [2.0, -3.0], 1.0)
    on_the_line = next(perceptron.steps([[2.0, -3.0]], [0]))  # w·x + b = 0 gives the output 0
    assert (on_the_line.updated, on_the_line.w.tolist(), on_the_line.b) == (False, [0.0, 0.0], 0.0)


def test_xor_never_ends_and_repeats_itself():
    visits = list(itertools.islice(perceptron.steps(CORNERS, GATES["xor"]), 400))
    states = [(*visit.w, visit.b, visit.point) for visit in visits]
    assert states[100:200] == states[300:400]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_separated_points_are_learned(data):
    w, b = (
        np.array(data.draw(st.tuples(st.integers(-3, 3), st.integers(1, 3)))),
        data.draw(st.integers(-2, 2)),
    )
    points = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=6)
    X = np.array(data.draw(points))
    y = (X @ w + b > 0).astype(int)
    last = list(perceptron.steps(X, y))[-1]
    assert ((X @ last.w + last.b > 0) == y).all()


SEQUENCE = """(module, problems) => problems.map(({ X, y, visits }) => {
    const rule = new module.Perceptron(X, y);
    const seen = [];
    while (seen.length < visits && !rule.converged) {
        const epoch = rule.epoch;
        const updated = rule.visit();
        seen.push([epoch, rule.last.i, updated, ...rule.w, rule.b]);
    }
    const { converged, updates, cycle } = rule;
    return { seen, converged, updates, cycle, mistakes: rule.mistakes() };
})"""


def problems():
    rng = np.random.default_rng(0)
    yield from ((CORNERS, y) for y in GATES.values())
    yield perceptron._two_clouds()
    for _ in range(20):
        n = rng.integers(1, 9)
        yield rng.integers(-20, 21, (n, 2)) / 16, rng.integers(0, 2, n)
    yield rng.standard_normal((7, 2)), rng.integers(0, 2, 7)  # not on the demo's grid


def test_javascript_takes_the_same_steps_as_python(javascript):
    chosen = [(np.asarray(X, float), np.asarray(y)) for X, y in problems()]
    tasks = [{"X": X.tolist(), "y": y.tolist(), "visits": 300} for X, y in chosen]
    for (X, y), result in zip(chosen, javascript(perceptron, SEQUENCE, tasks), strict=True):
        want = list(itertools.islice(perceptron.steps(X, y), 300))
        got = result["seen"]
        assert [[v.epoch, v.point, v.updated, *v.w, v.b] for v in want] == got
        assert result["updates"] == sum(visit.updated for visit in want)
        assert result["mistakes"] == int(((X @ want[-1].w + want[-1].b > 0) != y).sum())
        assert result["converged"] == (len(want) < 300)


def test_javascript_finds_the_cycle_of_xor_and_no_cycle_where_the_rule_ends(javascript):
    tasks = [{"X": CORNERS.tolist(), "y": y, "visits": 100} for y in GATES.values()]
    results = dict(zip(GATES, javascript(perceptron, SEQUENCE, tasks), strict=True))
    assert {gate: result["cycle"] for gate, result in results.items()} == {
        "and": 0,
        "or": 0,
        "nand": 0,
        "xor": 4,
    }
    updated = [visit for visit in results["xor"]["seen"] if visit[2]]
    assert [visit[1:] for visit in updated[10:14]] == [visit[1:] for visit in updated[14:18]]


def test_a_moved_point_makes_the_rule_start_a_new_clean_pass(javascript):
    call = """(module, { X, y }) => {
        const rule = new module.Perceptron(X, y);
        while (!rule.converged) rule.visit();
        const { epoch, updates } = rule;
        rule.X[0] = [2, 2];                    // class 0, now among class 1: AND is no longer separable
        rule.forget();
        for (let k = 0; k < 400; k += 1) rule.visit();
        return [epoch, updates, rule.converged, rule.updates > updates, rule.cycle > 0];
    }"""
    assert javascript(perceptron, call, {"X": CORNERS.tolist(), "y": GATES["and"]}) == [
        6,
        10,
        False,
        True,
        True,
    ]


def test_it_opens_after_a_few_updates_of_xor():
    demo = PerceptronDemo()
    assert (demo.problem, demo.updates, demo.w, demo.b) == ("xor", 3, [-1.0, 1.0], 1.0)
    assert CORNERS.tolist() == demo.X
    assert PerceptronDemo(problem="or", start=100).updates == 4


def test_own_points_are_a_problem_too():
    demo = PerceptronDemo(np.array([[0, 2], [1, 3]], dtype=np.float32), np.array([True, False]))
    assert (demo.problem, demo.X, demo.y) == ("yours", [[0.0, 2.0], [1.0, 3.0]], [1, 0])
    json.dumps(demo.get_state(["X", "y", "w", "b", "updates", "problems"]))


def test_python_may_change_what_the_browser_shows():
    demo = PerceptronDemo()
    demo.w, demo.X = np.array([1, 2]), np.ones((4, 2))
    assert (demo.w, demo.X) == ([1.0, 2.0], [[1.0, 1.0]] * 4)
    demo.problem = "and"
    assert (demo.y, demo.w, demo.b, demo.updates) == ([0, 0, 0, 1], [0.0, 0.0], 0.0, 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"X": [[1, 2, 3]], "y": [0]}, r"Expected X of shape \(n, 2\), got \(1, 3\)"),
        ({"X": [[1, 2]], "y": [2]}, r"Expected the classes 0 and 1 in y, got \[2\]"),
        ({"X": [[1, 2]], "y": [0, 1]}, r"Expected y of shape \(1,\)"),
        ({"X": [[1, float("nan")]], "y": [0]}, "finite"),
        ({"problem": "xnor"}, "Expected a problem out of xor, and, or, nand, two clouds, got 'xnor'"),
    ],
)
def test_wrong_input_is_refused_with_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        PerceptronDemo(**arguments)


def test_the_static_figure_says_what_it_shows():
    figure = perceptron.draw(CORNERS, GATES["xor"], [-1, 1], 1)
    assert figure.alt.startswith("3 of 4 points are wrong. The line is -1·x₁ + 1·x₂ + 1 = 0")
    assert "(0, 1) is of class 1" in figure.alt
    assert "every output is 0" in perceptron.draw(CORNERS, GATES["xor"], [0, 0], 0).alt
    assert figure.png() != perceptron.draw(CORNERS, GATES["xor"], [1, 1], 1).png()
