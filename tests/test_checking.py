import csv
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from course_lib import checking
from course_lib.checking import check_gradient, claim, close, numeric_gradient, torch_gradient

finite = st.floats(-1e6, 1e6, width=32)


def message(got, want, **options):
    with pytest.raises(AssertionError) as caught:
        close(got, want, **options)
    return str(caught.value)


@given(arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=finite))
def test_a_result_is_close_to_itself_in_numpy_and_torch_and_float32(x):
    assert close(x, x)
    assert close(torch.tensor(x), x)
    assert close(x, torch.tensor(x))
    assert close(x.astype(np.float32), x)


@given(
    arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=st.floats(-100, 100)),
    st.integers(0, 10**6),
)
def test_one_changed_entry_is_found_and_named(x, pick):
    index = tuple(int(i) for i in np.unravel_index(pick % x.size, x.shape))
    wrong = x.copy()
    wrong[index] += 1
    text = message(wrong, x, hint="look again")
    for part in ("expected: ", "got: ", f"shape: {x.shape}", "dtype float64", f"at index {index}"):
        assert part in text
    assert "max abs diff: 1 " in text
    assert text.endswith("hint: look again")


def test_each_way_to_be_wrong_has_its_own_sentence():
    want = np.ones((2, 3))
    sentences = {
        "shape": message(np.ones((3, 2)), want),
        "integer": message(np.ones((2, 3), dtype=int), want),
        "object": message(np.array([[1, 2, None]] * 2, dtype=object), want),
        "nan": message(np.full((2, 3), np.nan), want),
        "infinity": message(np.full((2, 3), np.inf), want),
        "none": message(None, want),
        "float": message(1.0, want),
        "list": message([[1.0] * 3] * 2, want),
        "bool": message(want > 0, want),
        "value": message(want + 1, want),
    }
    first_lines = {key: text.splitlines()[0] for key, text in sentences.items()}
    assert len(set(first_lines.values())) == len(sentences)
    assert "wrong shape" in first_lines["shape"]
    assert "got: (3, 2)" in sentences["shape"]
    assert "whole numbers" in first_lines["integer"]
    assert "dtype object" in first_lines["object"]
    assert "NaN in 6 of 6" in first_lines["nan"]
    assert "infinity" in first_lines["infinity"]
    assert "None" in first_lines["none"]
    assert "return" in first_lines["none"]
    assert "single number where an array of shape (2, 3)" in first_lines["float"]
    assert "a list where an array" in first_lines["list"]


def test_nothing_passes_by_broadcasting():
    assert "wrong shape" in message(torch.tensor(1.0), torch.ones(3))
    assert "wrong shape" in message(np.ones((3, 1)), np.ones(3))


def test_float_precision_passes_and_real_errors_do_not():
    x = np.random.default_rng(0).normal(size=100)
    assert close(x.astype(np.float32), x)
    assert close(torch.tensor(x).bfloat16(), x)
    assert "max abs diff" in message(x + 1e-6, x)
    assert "max abs diff" in message((x + 1e-2).astype(np.float32), x)


def test_equal_infinities_and_equal_nans_in_their_places():
    assert close(np.array([np.inf, 1.0]), np.array([np.inf, 1.0]))
    assert "infinity" not in message(np.array([np.inf, 1.0]), np.array([np.inf, 2.0]))


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (3, 3),
        (np.int64(3), 3),
        (0.5, np.float64(0.5)),
        (torch.tensor(0.5), 0.5),
        ("cat", "cat"),
        (np.bool_(True), True),
        ([1.0, np.ones(2)], [1.0, np.ones(2)]),
        ((1, 2), [1, 2]),
        ({"a": np.ones(2)}, {"a": torch.ones(2)}),
        (np.array([True, False]), np.array([True, False])),
        (np.array([1, 2]), np.array([1, 2], dtype=np.int32)),
    ],
)
def test_equal_values_of_every_supported_kind_pass(got, want):
    assert close(got, want)


@pytest.mark.parametrize(
    ("got", "want", "part"),
    [
        (3, 4, "max abs diff: 1"),
        ("cat", "dog", "'dog'"),
        (1, True, "expected: True"),
        ([1.0], [1.0, 2.0], "2 items"),
        ({"a": 1}, {"b": 1}, "keys"),
        ([1.0, [2.0, 3.0]], [1.0, [2.0, 4.0]], "[1][1]"),
        ({"a": np.zeros(2)}, {"a": np.ones(2)}, "['a']"),
        (np.array([True, False]), np.array([True, True]), "max abs diff: 1"),
        (2**53, 2**53 + 1, "differs"),
    ],
)
def test_different_values_fail_and_say_where(got, want, part):
    assert part in message(got, want)


@given(arrays(np.float64, array_shapes(max_dims=3, max_side=3), elements=st.floats(-2, 2)))
def test_numeric_gradient_agrees_with_autograd_and_leaves_x_alone(x):
    before = x.copy()
    _, exact = torch_gradient(lambda t: (t.sin() * t).sum(), x)
    assert close(numeric_gradient(lambda a: np.sum(np.sin(a) * a), x), exact, atol=1e-8)
    assert np.array_equal(x, before)


def test_check_gradient_returns_a_small_error_or_explains():
    x = np.random.default_rng(1).normal(size=(3, 2))

    def f(a):
        return np.sum(a**3)

    assert check_gradient(f, x, 3 * x**2) < 1e-8
    assert check_gradient(f, x, torch.tensor(3 * x**2)) < 1e-8
    with pytest.raises(AssertionError, match=r"relative error: 0\.33.*\n.*hint: power rule"):
        check_gradient(f, x, 1.5 * x**2, hint="power rule")
    with pytest.raises(AssertionError, match="wrong shape"):
        check_gradient(f, x, (3 * x**2).T)
    with pytest.raises(AssertionError, match="NaN"):
        check_gradient(f, x, x * np.nan)


def test_torch_gradient_gives_zero_for_an_unused_input():
    value, da, db = torch_gradient(lambda a, b: (2 * a).sum(), np.ones(3), np.ones(2))
    assert value == 6
    assert da.tolist() == [2, 2, 2]
    assert db.tolist() == [0, 0]


@pytest.fixture
def claims_file(tmp_path, monkeypatch):
    path = tmp_path / "claims.csv"
    rows = [
        ["claim", "setting", "mean", "sd", "n", "date", "versions"],
        ["ABC-01", "accuracy", "0.9", "0.01", "10", "2026-01-01", "any"],
    ]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    monkeypatch.setattr(checking._files, "path", lambda relative: path)
    monkeypatch.delenv("COURSE_CLAIMS", raising=False)
    return path


def test_a_claim_shows_this_run_beside_the_recorded_one(claims_file):
    made = claim("ABC-01", "accuracy", [0.90, 0.92])
    assert made.mean == pytest.approx(0.91)
    assert made.sd == pytest.approx(math.sqrt(2) * 0.01)
    assert str(made) == (
        "accuracy: 0.91 ± 0.014 (n = 2) here and now; 0.9 ± 0.01 (n = 10) recorded 2026-01-01"
    )


def test_a_claim_of_yes_or_no_is_shown_as_a_count(claims_file):
    assert str(claim("ABC-01", "solved", [True, False, True])) == "solved: 2 of 3 here and now"


def test_a_claim_that_contradicts_the_recorded_run_fails(claims_file):
    claim("ABC-01", "accuracy", [0.87, 0.87])  # 3 · 0.01 · √(1/2 + 1/10) + 0.009 = 0.032 below 0.9
    with pytest.raises(AssertionError, match="contradicts"):
        claim("ABC-01", "accuracy", [0.866, 0.866])


def test_a_new_claim_is_reported_without_comparison(claims_file):
    assert "recorded" not in str(claim("ABC-01", "another setting", [0.1]))


def test_values_that_are_not_finite_are_refused(claims_file):
    with pytest.raises(ValueError, match="ABC-01"):
        claim("ABC-01", "accuracy", [0.9, float("nan")])


def test_make_claims_records_instead_of_comparing(claims_file, tmp_path, monkeypatch):
    record = tmp_path / "new.csv"
    monkeypatch.setenv("COURSE_CLAIMS", str(record))
    claim("ABC-01", "accuracy", [0.5, 0.7])
    (row,) = csv.reader(record.open())
    assert row[:2] == ["ABC-01", "accuracy"]
    assert float(row[2]) == pytest.approx(0.6)
    assert row[4] == "2"
    assert "torch" in row[6]


# raises, and the marks for grading


def raised(block, **options):
    with pytest.raises(AssertionError) as caught, checking.raises(ValueError, **options):
        block()
    return str(caught.value)


def test_the_named_exception_and_its_subclasses_pass():
    for error in (ValueError("x"), UnicodeError("x")):
        with checking.raises(ValueError):
            raise error


def test_no_exception_is_a_failure_that_shows_the_hint():
    text = raised(lambda: None, hint="-1 is not a class")
    assert text == "No ValueError was raised.\n  hint: -1 is not a class"


def test_another_exception_is_a_failure_that_shows_both():
    text = raised(lambda: [][3], hint="3 is not a class")
    assert text.startswith("IndexError was raised where ValueError was due.\n  said: list index")
    assert text.endswith("hint: 3 is not a class")


def test_an_answer_that_is_not_written_yet_is_no_wrong_exception():
    with pytest.raises(NotImplementedError), checking.raises(ValueError):
        raise NotImplementedError


def test_the_marks_for_grading_change_nothing_in_a_notebook():
    array = np.ones(2)
    assert checking.inout(array) is array
    assert checking.student_side(math.sqrt) is math.sqrt
