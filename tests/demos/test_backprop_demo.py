import math
import random

import numpy as np
import pytest

from course_lib.demos import backprop
from course_lib.demos.backprop import BackpropStepper, autograd, layout, parse

EXPRESSIONS = {
    "(a*b + c).tanh() * a": {"a": 2.0, "b": -0.5, "c": 1.5},
    "a*a": {"a": -3.0},
    "-a/b - c": {"a": 1.0, "b": -4.0, "c": 0.5},
    "(relu(w*x + b) - t)**2 + 0.1*w**2": {"w": 1.5, "x": 2.0, "b": -0.3, "t": 1.0},
    "exp(-a**2) + log(b)**-1.5": {"a": 0.3, "b": 2.5},
    "sigmoid(a) * σ(-a)": {"a": 1.2},
    "relu(a) + relu(-a)": {"a": 0.0},
    "a**0 + a**1 + 2*a**3": {"a": 0.0},
}

FINISH = """(module, tasks) => tasks.map(({ graph, values, step }) => {
    const { outputs, gradients, total } = module.stateAt(graph, values, step ?? 1000);
    return { outputs: outputs.map(String), gradients: gradients.map(String), total };
})"""


def numbers(texts):
    return np.array([{"Infinity": math.inf, "-Infinity": -math.inf}.get(t) or float(t) for t in texts])


def graph_of(expression, values):
    return BackpropStepper(expression, values).graph


def random_expression(rng, depth=3):
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(["a", "b", "c", "1.5"])
    one, two = random_expression(rng, depth - 1), random_expression(rng, depth - 1)
    forms = ["({} + {})", "({} - {})", "({} * {})", "tanh({})", "(-{})", "relu({})", "sigmoid({})", "({})**2"]
    return rng.choice(forms).format(one, two)


def random_expressions(count):
    rng = random.Random(0)
    found = []
    while len(found) < count:
        expression = random_expression(rng)
        try:
            names = [node.name for node in parse(expression) if node.op == "variable"]
        except ValueError:  # without a variable, without an operation, or too large
            continue
        found.append((expression, {name: rng.uniform(-2, 2) for name in names}))
    return found


def test_javascript_agrees_with_autograd_at_every_node(javascript):
    chosen = [*EXPRESSIONS.items(), *random_expressions(40)]
    tasks = [{"graph": graph_of(expression, values), "values": values} for expression, values in chosen]
    for (expression, values), got in zip(chosen, javascript(backprop, FINISH, tasks), strict=True):
        nodes = parse(expression)
        outputs, gradients = autograd(nodes, values)
        needed = [i for i, node in enumerate(nodes) if node.op != "constant"]
        np.testing.assert_allclose(
            numbers(got["outputs"]), outputs, rtol=1e-12, atol=1e-12, err_msg=expression
        )
        mine = np.array([0.0 if t == "null" else float(t) for t in got["gradients"]])
        np.testing.assert_allclose(
            mine[needed], gradients[needed], rtol=1e-12, atol=1e-12, err_msg=expression
        )
        assert got["total"] == 2 * sum(bool(node.inputs) for node in nodes)


def test_autograd_agrees_with_finite_differences():
    expression, values = next(iter(EXPRESSIONS.items()))
    nodes = parse(expression)
    _, gradients = autograd(nodes, values)
    for i, node in enumerate(nodes):
        if node.op == "variable":
            high, low = (
                autograd(nodes, values | {node.name: values[node.name] + e})[0][-1] for e in (1e-6, -1e-6)
            )
            assert gradients[i] == pytest.approx((high - low) / 2e-6, rel=1e-6)


def test_the_steps_go_forward_then_backward_one_node_at_a_time(javascript):
    expression, values = next(iter(EXPRESSIONS.items()))
    graph = graph_of(expression, values)
    tasks = [{"graph": graph, "values": values, "step": step} for step in range(9)]
    known = [(r["outputs"], r["gradients"]) for r in javascript(backprop, FINISH, tasks)]
    assert [sum(v != "null" for v in outputs) for outputs, _ in known] == [3, 4, 5, 6, 7, 7, 7, 7, 7]
    assert [sum(v != "null" for v in gradients) for _, gradients in known] == [0, 0, 0, 0, 0, 3, 4, 6, 7]
    a = [gradients[0] for _, gradients in known]
    assert float(a[5]) == pytest.approx(0.4621171)  # by the way past tanh, at first
    assert float(a[8]) == pytest.approx(-0.3243306)  # both ways added up


def test_a_variable_used_twice_is_one_node_and_its_gradients_add_up():
    nodes = parse("a*a + a")
    assert [node.label for node in nodes] == ["a", "d = a·a", "L = d + a"]
    assert autograd(nodes, {"a": 3.0})[1].tolist() == [7.0, 1.0, 1.0]


def test_functions_and_methods_are_the_same():
    assert parse("(a*b + c).tanh()") == parse("tanh(a*b + c)")


def test_results_get_names_that_are_not_taken():
    names = [node.name for node in parse("(d + e)*f*L")]
    assert len(set(names)) == len(names)
    assert names[:4] == ["d", "e", "f", "L"]


@pytest.mark.parametrize(
    "expression",
    [
        "sin(a)",
        "a @ b",
        "a**b",
        "a if b else c",
        "a.b",
        "max(a, b)",
        "a < b",
        "f'{a}'",
        "tanh(a, b)",
        "a.tanh(1)",
    ],
)
def test_what_is_not_supported_is_refused_with_what_is(expression):
    with pytest.raises(
        ValueError, match=r"the stepper knows numbers, variables, .* tanh, relu, exp, log and sigmoid"
    ):
        parse(expression)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("a +", r"Expected an expression such as \(a\*b \+ c\).tanh\(\), got 'a \+'"),
        ("1 + 2", "with a variable and an operation"),
        ("a", "with a variable and an operation"),
        ("weights * x", "names of at most 5 letters, got 'weights'"),
        ("+".join("abcdefghij"), "at most 16 nodes"),
    ],
)
def test_expressions_that_cannot_be_drawn_are_refused_with_a_sentence(expression, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse(expression)


@pytest.mark.parametrize("values", [{"a": 1}, {"a": 1, "b": 2, "z": 3}, {"a": 1, "b": math.nan}])
def test_values_must_fit_the_expression(values):
    with pytest.raises(ValueError, match="Expected"):
        BackpropStepper("a*b", values)


def test_nothing_lies_on_top_of_anything_else():
    for expression, _ in [*EXPRESSIONS.items(), *random_expressions(60)]:
        nodes = parse(expression)
        places = layout(nodes)
        spots = [(place.column, place.row) for place in places]
        assert len(set(spots)) == len(spots), expression
        for node, place in zip(nodes, places, strict=True):
            for i, route in zip(node.inputs, place.routes, strict=True):
                columns = [places[i].column, *(column for column, _ in route), place.column]
                assert columns == list(range(columns[0], columns[-1] + 1)), expression  # from left to right
                assert not set(spots) & set(route), expression  # no edge runs through a node
            assert len(set(place.ports)) == len(place.ports)
        rows: dict[int, list[float]] = {}
        for column, row in set(spots) | {
            spot for place in places for route in place.routes for spot in route
        }:
            rows.setdefault(column, []).append(row)
        assert all(np.diff(sorted(column)).min(initial=1) >= 1 for column in rows.values()), expression


def test_the_default_layout_has_no_crossing():
    places = layout(parse("(a*b + c).tanh() * a"))
    assert [place.column for place in places] == [0, 0, 1, 1, 2, 3, 4]


def test_it_opens_after_the_forward_pass_and_one_backward_step():
    demo = BackpropStepper()
    assert (demo.expression, demo.step) == ("(a*b + c).tanh() * a", 5)
    assert demo.values == {"a": 2.0, "b": -0.5, "c": 1.5}
    assert demo.autograd["gradients"][:3] == pytest.approx([-0.3243306, 3.1457909, 1.5728955])


def test_new_values_from_the_browser_are_answered_by_autograd():
    demo = BackpropStepper("a*b")
    demo.set_state({"values": {"a": 3, "b": 4}})
    assert demo.autograd == {
        "values": {"a": 3.0, "b": 4.0},
        "outputs": [3.0, 4.0, 12.0],
        "gradients": [4.0, 3.0, 1.0],
    }


def test_infinite_results_can_be_sent_as_json():
    demo = BackpropStepper("log(a) + b/c", {"a": -1, "b": 1, "c": 0})
    assert demo.autograd["outputs"][-1] is None


def test_the_static_figure_says_every_value_and_gradient():
    figure = backprop.draw("(a*b + c).tanh() * a", {"a": 2, "b": -0.5, "c": 1.5})
    for words in ("a = 2.00, gradient −0.32.", "d = a·b, value −1.00, gradient 1.57.", "L = f·a, value 0.92"):
        assert words in figure.alt
    assert len(figure.png()) > 5000
