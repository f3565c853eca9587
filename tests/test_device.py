import random
import time

import numpy as np
import pytest
import torch

from course_lib.device import device, seconds, seed_all, seeds


def test_cuda_when_there_is_a_card_else_the_cpu():
    assert device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert device("cpu").type == "cpu"


def test_mps_is_never_chosen_unasked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device().type == "cpu"
    assert device("mps").type == "mps"


def test_a_device_that_is_unknown_or_missing_is_refused_with_a_sentence(monkeypatch):
    with pytest.raises(ValueError, match="got 'gpu'"):
        device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no 'cuda' device"):
        device("cuda")


def draws():
    return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002


def test_seed_all_repeats_every_generator():
    seed_all(3)
    first = draws()
    seed_all(3)
    assert draws() == first
    seed_all(4)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_seeds_are_few_live_and_as_many_as_asked_for_in_claims(monkeypatch):
    monkeypatch.delenv("COURSE_SEEDS", raising=False)
    assert list(seeds(3)) == [0, 1, 2]
    monkeypatch.setenv("COURSE_SEEDS", "10")
    assert len(seeds(3)) == 10
    monkeypatch.setenv("COURSE_SEEDS", "many")
    with pytest.raises(ValueError, match="'many'"):
        seeds(3)


def test_seconds_is_the_best_of_three_rounds_of_the_mean_time(monkeypatch):
    ticks = iter([0.0, 8.0, 10.0, 12.0, 20.0, 26.0])  # rounds of 8, 2 and 6
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    calls = []
    assert seconds(lambda: calls.append(1), repeats=2) == 1.0
    assert len(calls) == 6
