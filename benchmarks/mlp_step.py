"""How long a training step of the lecture's NumPy network takes, as a ratio to PyTorch's.

Run it with ``make bench``; it prints a table. Both sides do the same work on the same numbers in one
run, in turns: forward, cross-entropy, backward and a plain SGD step, in float32 and on one thread.
The network is taken from the notebook itself.
"""

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.notebooks import ROOT, read

ROUNDS, STEPS = 15, 30
CASES = [
    ([64, 64, 10], 32),
    ([784, 300, 100, 10], 32),
    ([784, 300, 100, 10], 128),
    ([784, 1024, 1024, 10], 128),
]


def lecture() -> dict[str, Any]:
    """Return what lecture 02 defines: linear, relu, cross_entropy, MLP and their backward partners."""
    names: dict[str, Any] = {"np": np, "rng": np.random.default_rng(0)}
    wanted = ("def relu(", "def linear(", "def cross_entropy(", "class MLP:")
    for cell in read(ROOT / "notebooks/02_mlp_backprop.ipynb").cells:
        if cell.cell_type == "code" and any(word in cell.source for word in wanted):
            definitions = cell.source.split("\n\n\n")
            for part in definitions:
                if part.lstrip().startswith(("def ", "class ")):
                    exec(part, names)
    return names


def numpy_step(names: dict[str, Any], sizes: list[int], X: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """Return a function that makes one step with the lecture's network."""
    net = names["MLP"](sizes)
    net.parameters = [p.astype(np.float32) for p in net.parameters]

    def step() -> None:
        _, dZ = names["cross_entropy"](net.forward(X), y)
        lr = np.float32(0.01)
        net.parameters = [p - lr * dp for p, dp in zip(net.parameters, net.backward(dZ), strict=True)]

    return step


def torch_step(sizes: list[int], X: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """Return a function that makes the same step with PyTorch."""
    layers = [m for d, h in itertools.pairwise(sizes) for m in (nn.Linear(d, h), nn.ReLU())]
    net = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    inputs, targets = torch.tensor(X), torch.tensor(y)

    def step() -> None:
        loss = nn.functional.cross_entropy(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def milliseconds(step: Callable[[], None]) -> float:
    """Return the mean time of a step over a round."""
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return 1000 * (time.perf_counter() - start) / STEPS


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    names, rng = lecture(), np.random.default_rng(0)
    print(f"{'sizes':>20} {'batch':>6} {'NumPy ms':>9} {'torch ms':>9} {'ratio':>6}")
    for sizes, batch in CASES:
        X = rng.normal(size=(batch, sizes[0])).astype(np.float32)
        y = rng.integers(sizes[-1], size=batch)
        ours, theirs = numpy_step(names, sizes, X, y), torch_step(sizes, X, y)
        pairs = [(milliseconds(ours), milliseconds(theirs)) for _ in range(ROUNDS)][1:]
        a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(x / z for x, z in pairs)
        print(f"{'-'.join(map(str, sizes)):>20} {batch:>6} {a:>9.3f} {b:>9.3f} {ratio:>6.2f}")


if __name__ == "__main__":
    main()
