"""Which device to compute on, how long it takes, and seeds for everything that is random."""

import os
import random
import time
from collections.abc import Callable

import numpy as np
import torch


def device(prefer: str | None = None) -> torch.device:
    """Return the device to train on: CUDA when there is a card, else the CPU.

    Parameters
    ----------
    prefer : str, optional
        ``"cpu"``, ``"cuda"`` or ``"mps"`` asks for one device. Apple's MPS is used only when asked
        for, because its results differ from the CPU's more than the lectures' checks allow.

    Raises
    ------
    ValueError
        When the preferred device is unknown or not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if prefer is None:
        return torch.device("cuda" if there["cuda"] else "cpu")
    if prefer not in there:
        raise ValueError(f'Expected prefer to be "cpu", "cuda" or "mps", got {prefer!r}.')
    if not there[prefer]:
        raise ValueError(f"This machine has no {prefer!r} device; leave out prefer to use {device()}.")
    return torch.device(prefer)


def seed_all(seed: int) -> None:
    """Seed Python's, NumPy's (legacy) and PyTorch's random generators, so that a cell repeats itself.

    Parameters
    ----------
    seed : int
        Between 0 and 2**32 - 1.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries still draw from the global generator
    torch.manual_seed(seed)


def seeds(default: int) -> range:
    """Return the seeds an experiment runs over: ``range(default)``, or ``range($COURSE_SEEDS)``.

    A lecture runs live with a few; ``make claims`` sets ``COURSE_SEEDS=10`` and changes nothing else.
    """
    text = os.environ.get("COURSE_SEEDS", "")
    if text and not (text.isdigit() and int(text) > 0):
        raise ValueError(f"Expected COURSE_SEEDS to be a positive whole number, got {text!r}.")
    return range(int(text) if text else default)


def seconds(function: Callable[[], object], repeats: int = 1) -> float:
    """Return how long a call takes: the mean over ``repeats`` calls, in the best of three rounds.

    The best round counts because other programs can only slow a call down.
    """
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(repeats):
            function()
        rounds.append((time.perf_counter() - start) / repeats)
    return min(rounds)
