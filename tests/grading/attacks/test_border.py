"""What is allowed at the border gives no advantage either."""

from course_lib.grading import examiner


def test_a_check_s_own_function_does_not_end_its_loop(arena):
    """StopIteration, raised by a callback at the student's wish, must not stop all(map(…))."""
    arena.attack("", {"q12": "def total(loss, batches):\n    return loss([])"}, checks=["q12-each"])


def test_a_callback_s_error_cannot_be_raised_again_in_another_check(arena):
    answers = {
        "q12": "def total(loss, batches):\n    try:\n        loss([])\n    except Exception as error:\n"
        "        global kept\n        kept = error\n    return 0",
        "q7": "def batches(n, size):\n    from course_lib.grading.walls import agent\n"
        "    agent._agent._raised = (kept, 1)\n    raise kept",
        "q11": "def shout(word):\n    from course_lib.grading.walls import agent\n"
        "    agent._agent._raised = (kept, 1)\n    raise kept",
    }
    arena.attack("", answers, checks=["q12-each", "q7-batches", "q11-words"])


def test_a_network_does_not_change_what_it_is_evaluated_on(arena):
    """A stock layer that works in place would make the check compare zeros with zeros."""
    net = "nn.Sequential(nn.Threshold(1e30, 0.0, inplace=True), nn.Linear(inputs, 1, bias=False))"
    arena.attack("", {"q9": f"def network(inputs):\n    return {net}"}, checks=["q9-sum"])


def test_the_seed_of_hidden_inputs_stays_outside(arena):
    """Who knows it can draw what the check will draw later: the labels of fresh data, for instance."""
    before = (
        "seen = []\n"
        "for module in (torch, torch.random, np.random, __import__('random')):\n"
        "    for name in ('manual_seed', 'seed'):\n"
        "        if callable(getattr(module, name, None)):\n"
        "            def noted(value=None, old=getattr(module, name)):\n"
        "                seen.append(value)\n                return old(value)\n"
        "            setattr(module, name, noted)"
    )
    answers = {"q1": "def average(numbers):\n    seen.append(torch.initial_seed())"}
    outcome = arena.attack(before, answers, "print(seen)", checks=["q1-values", "q1-random"])
    for check in ("q1-values", "q1-random"):
        assert str(examiner.seed_of(1, check)) not in outcome.outputs


def test_a_callback_called_with_an_object_costs_only_its_own_check(arena):
    answers = {
        "q6": "def root(f, low, high):\n    if high == 3.0:\n        return f(object())\n"
        "    for _ in range(60):\n        middle = (low + high) / 2\n"
        "        low, high = (middle, high) if f(middle) < 0 else (low, middle)\n    return middle"
    }
    arena.attack("", answers, checks=["q6-root", "q6-each"], gains={"q6-each"})


def test_a_callback_called_with_what_cannot_travel_costs_only_its_own_check(arena):
    answers = {
        "q6": "def root(f, low, high):\n    if high == 3.0:\n        return f(torch.zeros(2).to_sparse())\n"
        "    for _ in range(60):\n        middle = (low + high) / 2\n"
        "        low, high = (middle, high) if f(middle) < 0 else (low, middle)\n    return middle"
    }
    arena.attack("", answers, checks=["q6-root", "q6-each"], gains={"q6-each"})


def test_callbacks_that_call_each_other_end(hurried):
    """Deep recursion over the border ends in a verdict."""
    answers = {
        "q6": "def root(f, low, high):\n    import sys\n    sys.setrecursionlimit(10**6)\n    return max(f(x) for x in iter(int, 1))"
    }
    outcome = hurried.attack("", answers, checks=["q6-root"])
    assert outcome.statuses == {"q6-root": "timeout"}


def test_a_parameter_of_nan_is_only_wrong(arena):
    answers = {
        "q3": "def softmax(x):\n    return nn.Parameter(torch.full_like(x, float('nan')))",
        "q5": "class Tally:\n    def __init__(self):\n        self.total = nn.Parameter(torch.tensor(float('nan')))\n"
        "    def add(self, amount):\n        return self.total",
    }
    outcome = arena.attack("", answers, checks=["q3-random", "q5-total"])
    assert set(outcome.statuses.values()) == {"failed"}, outcome.messages


def test_what_is_marked_for_work_in_place_cannot_become_something_else(arena):
    answers = {
        "q4": "def double(x):\n    from course_lib.grading.walls import agent\n"
        "    class Lie:\n        __eq__ = lambda *args: True\n"
        "    agent._agent._inouts[0] = [2.0, 8.0]"
    }
    arena.attack("", answers, checks=["q4-place"])


def test_arguments_are_copies(arena):
    """What was not marked does not change, whatever the student's side sends."""
    answers = {
        "q2": "def center(x):\n    x[...] = 0\n    from course_lib.grading.walls import agent\n"
        "    agent._agent._inouts.append(x)\n    return x * 0",
        "q1": "def average(numbers):\n    numbers[:] = [0.0] * len(numbers)\n    return 0.0",
        "q3": "def softmax(logits):\n    logits.zero_()\n    return torch.full_like(logits, 1 / 3)",
    }
    arena.attack("", answers, checks=["q2-random", "q1-random", "q3-random"])
