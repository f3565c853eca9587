"""The course's one training loop, and what belongs to it: batches, metrics, predictions, curves.

:func:`fit` is the loop that the early lectures write by hand (forward, loss, backward, step); it adds
averages that weigh every sample the same, validation, early stopping, a schedule, curves while it runs.
"""

import copy
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset
from tqdm.auto import tqdm

from course_lib import device as _devices
from course_lib import plotting

Loss = Callable[[Any, Any], Tensor]
Metrics = Mapping[str, Callable[[Any, Any], Any]]


def fit(
    model: nn.Module,
    loaders: Any,
    *,
    epochs: int,
    optimizer: torch.optim.Optimizer | None = None,
    lr: float = 1e-3,
    loss: Loss | None = None,
    metrics: Metrics | None = None,
    schedule: LRScheduler | Callable[[int], float] | None = None,
    clip: float | None = None,
    patience: int | None = None,
    monitor: str | None = None,
    device: torch.device | str | None = None,
    figure: bool = True,
    progress: bool = True,
    callbacks: Sequence[Callable[["History"], object]] = (),
) -> "History":
    """Train a model on ``device``, leave it in evaluation mode, and return what happened.

    Ctrl-C (or *Interrupt the kernel*) ends the training, not the program: the history so far is returned, and
    calling ``fit`` again with the same model and optimizer goes on. ``fit`` itself draws no random numbers.

    Parameters
    ----------
    model : Module
        Called as ``model(inputs)``, or ``model(*inputs)`` where a batch's inputs are a tuple.
    loaders : (train, valid) or train
        Each with a length, giving ``(inputs, targets)`` batches; see :func:`loaders`.
    epochs : int
    optimizer : torch optimizer, optional
        By default Adam with learning rate ``lr``, which is not used otherwise.
    loss : callable ``(outputs, targets) -> Tensor``, optional
        The mean over the batch. By default ``cross_entropy`` for integer targets, ``mse_loss`` for others.
    metrics : mapping of name to callable ``(outputs, targets) -> float``, optional
        Averaged over the samples. By default :func:`accuracy` for classes.
    schedule : torch scheduler or callable ``epoch -> lr``, optional
        A scheduler steps after each epoch; a callable is asked before each epoch, from 1.
    clip : float, optional
        Greatest norm of the gradient; a longer one is shortened before each step.
    patience : int, optional
        Stop after this many epochs in a row without improvement. The weights of the best epoch are put back.
    monitor : str, optional
        By default the loss: valid, else train. Names that end in loss or error should fall, others rise.
    device : device or str, optional
        By default CUDA where there is a card, else the CPU.
    figure, progress : bool
        In a notebook: the curves and a bar, updated in place; the curves stay. In a terminal: a bar.
    callbacks : sequence of callable ``history -> anything``
        Called after each epoch.

    Returns
    -------
    History
        A loss that is not finite ends the training with a warning and ``stopped="diverged"``.
    """
    train, valid, monitor = _checked(model, loaders, epochs, optimizer, schedule, patience, monitor)
    model.to(_devices.device() if device is None else device)
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=lr)
    history, best_weights, started = History(monitor), None, time.perf_counter()
    try:
        with closing(_View(history, epochs, len(train), figure, progress)) as view:
            for epoch in range(1, epochs + 1):
                if callable(schedule):
                    for group in optimizer.param_groups:
                        group["lr"] = schedule(epoch)
                model.train()
                scores = []
                for inputs, targets in _batches(train, model):
                    outputs = model(*inputs)
                    batch_loss = _loss(loss, outputs, targets)
                    scores.append(_scores(batch_loss, metrics, outputs, targets))
                    history.steps.append(scores[-1]["loss"])
                    if not math.isfinite(history.steps[-1]):
                        raise FloatingPointError(f"The loss became {history.steps[-1]} in epoch {epoch}")
                    optimizer.zero_grad()
                    batch_loss.backward()
                    if clip is not None:
                        nn.utils.clip_grad_norm_(model.parameters(), clip)
                    optimizer.step()
                    view.step()
                results = {} if valid is None else evaluate(model, valid, metrics, loss)
                history._add(optimizer.param_groups[0]["lr"], train=_mean(scores), valid=results)
                if patience is not None and history.best_epoch == epoch:
                    best_weights = copy.deepcopy(model.state_dict())  # the original follows the weights
                if isinstance(schedule, ReduceLROnPlateau):
                    schedule.step(history[monitor][-1])
                elif isinstance(schedule, LRScheduler):
                    schedule.step()
                for callback in callbacks:
                    callback(history)
                if patience is not None and epoch - history.best_epoch >= patience:
                    history.stopped = "early"
                    break
            else:
                history.stopped = "finished"
    except KeyboardInterrupt:
        history.stopped = "interrupted"
        print(f"Interrupted after {len(history.lr)} of {epochs} epochs: call fit again to go on.")
    except FloatingPointError as reason:
        history.stopped = "diverged"
        hint = f"a smaller learning rate (it was {optimizer.param_groups[0]['lr']:g}), clip=1.0"
        warnings.warn(f"{reason}, so the training stopped: try {hint}, or look for NaN.", stacklevel=2)
    model.eval()
    if best_weights is not None:
        model.load_state_dict(best_weights)
    history.seconds = time.perf_counter() - started
    return history


def _checked(
    model: Any, loaders: Any, epochs: int, optimizer: Any, schedule: Any, patience: Any, monitor: Any
) -> tuple:
    """Return the training and the validation loader (or None), and the name of the value to watch."""
    for name, value in {"epochs": epochs, "patience": 1 if patience is None else patience}.items():
        if value < 1:
            raise ValueError(f"Expected {name} to be at least 1, got {value}.")
    train, valid = loaders if isinstance(loaders, tuple) and len(loaders) == 2 else (loaders, None)
    for part in (train,) if valid is None else (train, valid):
        if isinstance(part, Tensor | np.ndarray) or not hasattr(part, "__len__") or len(part) == 0:
            raise ValueError(f"Expected loaders, or batches such as [(X, y)], got {type(part).__name__}.")
    monitor = monitor or ("train loss" if valid is None and patience is None else "valid loss")
    if valid is None and monitor.startswith("valid "):
        raise ValueError(f'Expected loaders (train, valid) to watch the {monitor}; or monitor="train loss".')
    held = {id(weight) for group in getattr(optimizer, "param_groups", []) for weight in group["params"]}
    if held and held.isdisjoint(map(id, model.parameters())):
        raise ValueError("Expected an optimizer of this model's weights: make it anew after the model.")
    if isinstance(schedule, LRScheduler) and schedule.optimizer is not optimizer:
        raise ValueError("Expected a schedule of this optimizer: pass optimizer= the one it was made with.")
    return train, valid, monitor


@dataclass(repr=False)
class History:
    """What happened in a call of :func:`fit`; ``history["valid loss"]`` lists one value an epoch."""

    monitor: str = "valid loss"  # the value by which the best epoch is chosen
    values: dict[str, list[float]] = field(default_factory=dict)  # train: averages while the weights move
    lr: list[float] = field(default_factory=list)  # the learning rate of each epoch
    steps: list[float] = field(default_factory=list)  # the loss of each batch, of unfinished epochs too
    best_epoch: int = 0  # counts from 1
    stopped: str = "running"  # then "finished", "early", "interrupted" or "diverged"
    seconds: float = 0.0

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.values:
            raise KeyError(f"The history has no {name!r}, only {', '.join(self.values) or 'nothing yet'}.")
        return self.values[name]

    def __repr__(self) -> str:
        last = "".join(f", {name} {values[-1]:.4g}" for name, values in self.values.items())
        best = f"; {self._best()}" if self.lr else ""
        return f"History: {len(self.lr)} epochs{last}{best}; {self.stopped}"

    def plot(self) -> plotting.Figure:
        """Draw the loss, and each metric beside it, over the epochs."""
        names = [name.removeprefix("train ") for name in self.values if name.startswith("train ")]
        parts = ("train", "valid") if "valid loss" in self.values else ("train",)
        ends = ", ".join(f"{name} from {line[0]:.3g} to {line[-1]:.3g}" for name, line in self.values.items())
        alt = f"Curves over {len(self.lr)} epochs: {ends}; {self._best()}."
        figure, axes = plotting.figure(1, len(names), alt=alt, squeeze=False)
        for name, ax in zip(names, axes.flat, strict=True):
            lines = {part: self[f"{part} {name}"] for part in parts}
            title = "Last " + ", ".join(f"{part} {name} {line[-1]:.4g}" for part, line in lines.items())
            x = range(1, len(self.lr) + 1)
            plotting.curves(lines, x=x, xlabel="epoch", ylabel=name, title=title, ax=ax)
            ax.xaxis.get_major_locator().set_params(integer=True)
            if self.monitor.split(" ", 1)[1] == name:
                ax.set_title(self._best().capitalize())
                ax.plot(self.best_epoch, self[self.monitor][self.best_epoch - 1], "o", color="black")
        return figure

    def _best(self) -> str:
        return f"best {self.monitor} {self[self.monitor][self.best_epoch - 1]:.4g} at epoch {self.best_epoch}"

    def _add(self, lr: float, **results: dict[str, float]) -> None:
        """Take in an epoch, and see whether it is the best."""
        self.lr.append(lr)
        for part, values in results.items():
            for name, value in values.items():
                self.values.setdefault(f"{part} {name}", []).append(value)
        sign = 1 if self.monitor.endswith(("loss", "error")) else -1
        new, best = self[self.monitor][-1], self[self.monitor][self.best_epoch - 1]
        if self.best_epoch == 0 or sign * new < sign * best or math.isnan(best):
            self.best_epoch = len(self.lr)


def loaders(dataset: Any, batch_size: int = 64, seed: int = 0) -> tuple[DataLoader, DataLoader] | DataLoader:
    """Cut a data set's training and validation parts into batches of tensors.

    Parameters
    ----------
    dataset : Dataset or (X, y)
        From ``data.load``, or any object with ``train`` and ``valid``, each a pair of arrays ``(X, y)`` with
        one row a sample. One such pair alone (a ``Split``) is training data without validation part.
    batch_size : int
        Training samples in a batch; the last one may be smaller.
    seed : int
        Fixes the sequence of orders: the training samples come in a new order each epoch.

    Returns
    -------
    train, valid : DataLoader
        Iterate to get ``(inputs, targets)``; ``len`` is the number of batches. For a pair: ``train`` alone.
    """
    if hasattr(dataset, "train"):
        return _loader(dataset.train, batch_size, seed), _loader(dataset.valid, max(batch_size, 256))
    return _loader(dataset, batch_size, seed)


def _loader(pair: Any, batch_size: int = 256, seed: int | None = None) -> DataLoader:
    """Make a loader of a pair of arrays: shuffled by the seed, or in order."""
    parts = [_tensor(part) for part in pair]
    if len(parts) != 2 or not len(parts[0]) == len(parts[1]) > 0:
        raise ValueError(f"Expected arrays (X, y) of n > 0 rows each, got {[tuple(x.shape) for x in parts]}.")
    order: Any = range(len(parts[0]))
    order = order if seed is None else RandomSampler(order, generator=torch.Generator().manual_seed(seed))
    # Whole batches of indices: many times faster than stacking single samples. A loader draws a seed for
    # its workers each epoch: from a generator of its own, so that the student's stays as it was.
    batches, own = BatchSampler(order, batch_size, drop_last=False), torch.Generator()
    return DataLoader(TensorDataset(*parts), sampler=batches, batch_size=None, generator=own)


def _tensor(values: Any) -> Tensor:
    """Return values as a tensor; arrays are copied, so that nobody changes the data set through it."""
    if isinstance(values, Tensor):
        return values
    array = np.array(values, order="C")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"Expected numbers, got an array of {array.dtype}: turn texts into numbers first.")
    return torch.from_numpy(array)


def _batches(loader: Any, model: nn.Module) -> Iterator[tuple[tuple, Any]]:
    """Give each batch's inputs, always as a tuple, and its targets: on the model's device."""
    like = next(model.parameters(), torch.empty(0))
    for batch in loader:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise ValueError(f"Expected pairs (inputs, targets), got {type(batch).__name__} of {len(batch)}.")
        inputs, targets = _move(batch[0], like), _move(batch[1], like)
        yield inputs if isinstance(inputs, tuple) else (inputs,), targets


def _move(values: Any, like: Tensor) -> Any:
    """Return tensors on the device, and real numbers in the precision, of another."""
    if isinstance(values, tuple | list):
        return tuple(_move(value, like) for value in values)
    tensor = _tensor(values)
    return tensor.to(like.device, like.dtype if tensor.is_floating_point() else tensor.dtype)


def _loss(loss: Loss | None, outputs: Any, targets: Any) -> Tensor:
    """Compute the loss of a batch: the given one, or the one that fits the targets' dtype."""
    loss = loss or (nn.functional.mse_loss if targets.is_floating_point() else nn.functional.cross_entropy)
    name = getattr(loss, "__name__", type(loss).__name__).replace("_", "").lower()
    # These take any two shapes that broadcast, and then compare every output with every target.
    if name in ("mseloss", "l1loss", "smoothl1loss", "huberloss") and outputs.shape != targets.shape:
        got = f"{tuple(targets.shape)} for outputs {tuple(outputs.shape)}"
        raise ValueError(f"Expected targets of the outputs' shape, got {got}; y[:, None] adds an axis.")
    if name == "crossentropy" and (outputs.ndim < 2 or outputs.shape[1] < 2):
        raise ValueError(f"Expected outputs (n, classes), got {tuple(outputs.shape)}: is y.float() meant?")
    return loss(outputs, targets)


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of targets whose class has the highest score.

    Parameters
    ----------
    outputs : Tensor of shape (n, classes) or (n, classes, …)
        Scores, as ``cross_entropy`` takes them.
    targets : integer Tensor of shape (n,) or (n, …)
    """
    if outputs.ndim != targets.ndim + 1 or outputs[:, 0].shape != targets.shape:
        got = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"Expected outputs of shape (n, classes, …) and targets (n, …), got {got}.")
    return (outputs.argmax(dim=1) == targets).sum().item() / targets.numel()


def _scores(loss: Tensor, metrics: Metrics | None, outputs: Any, targets: Any) -> dict[str, float]:
    """Return a batch's number of samples, loss and metrics; by default classes get their accuracy."""
    several = isinstance(outputs, tuple | list)
    outputs = tuple(part.detach() for part in outputs) if several else outputs.detach()
    if metrics is None:
        one = not several and isinstance(targets, Tensor) and not targets.is_floating_point()
        metrics = {"accuracy": accuracy} if one and outputs.ndim == targets.ndim + 1 else {}
    values = {name: float(metric(outputs, targets)) for name, metric in metrics.items()}
    return {"n": len(targets[0] if isinstance(targets, tuple) else targets), "loss": loss.item(), **values}


def _mean(batches: list[dict[str, float]]) -> dict[str, float]:
    """Average over the samples, so that a smaller last batch counts for less."""
    samples = [batch.pop("n") for batch in batches]
    return {name: float(np.average([b[name] for b in batches], weights=samples)) for name in batches[0]}


@torch.no_grad()
def evaluate(model: nn.Module, data: Any, metrics: Metrics | None = None, loss: Loss | None = None) -> dict:
    """Return ``"loss"`` and each metric, averaged over the samples: in evaluation mode, without gradients.

    Parameters
    ----------
    data : loader or (X, y)
        Batches ``(inputs, targets)``, or a whole part of a data set such as ``dataset.test``.
    metrics, loss
        As for :func:`fit`.
    """
    was_training, scores = model.training, []
    model.eval()
    for inputs, targets in _batches(_loader(data) if isinstance(data, tuple) else data, model):
        outputs = model(*inputs)
        scores.append(_scores(_loss(loss, outputs, targets), metrics, outputs, targets))
    model.train(was_training)
    return _mean(scores)


@torch.no_grad()
def predict(model: nn.Module, X: Any, batch_size: int = 256) -> Any:
    """Return a model's outputs for many inputs: in evaluation mode, without gradients.

    Parameters
    ----------
    X : array or Tensor of shape (n, …)

    Returns
    -------
    array or Tensor of shape (n, …)
        On the CPU; a NumPy array where X was one.
    """
    was_training, parts = model.training, [(part, ()) for part in _tensor(X).split(batch_size)]
    model.eval()
    outputs = torch.cat([model(*inputs).cpu() for inputs, _ in _batches(parts, model)])
    model.train(was_training)
    return outputs.numpy() if isinstance(X, np.ndarray) else outputs


class _View:
    """Shows how far the training is: one display in a notebook, a bar in a terminal, else nothing."""

    def __init__(self, history: History, epochs: int, batches: int, figure: bool, progress: bool) -> None:
        ipython: Any = sys.modules.get("IPython")
        notebook = hasattr(ipython and ipython.get_ipython(), "kernel")
        self.history, self.epochs, self.total, self.done = history, epochs, epochs * batches, 0
        self.figure, self.progress = figure, progress
        # tqdm's own notebook bar is a widget, which a saved page shows as a dead line of text: a notebook
        # gets <progress>, above the curves. disable=None: no bar where nobody is watching.
        self.bar = tqdm(total=self.total, unit="batch", disable=None if progress and not notebook else True)
        shown, start = notebook and (figure or progress), {"text/plain": self.status()}
        self.handle: Any = ipython.display.display(start, raw=True, display_id=True) if shown else None
        self.due = time.perf_counter() + 0.5 if shown else math.inf  # a short training shows its result only

    def step(self) -> None:
        """Take note that a batch is done."""
        self.done += 1
        if self.bar.update():
            self.bar.set_postfix_str(self.status(), refresh=False)
        if (now := time.perf_counter()) >= self.due:
            value = f'value="{self.done}" max="{self.total}"'
            html = (
                f"<label><progress {value}></progress> {self.status()}</label><br>" if self.progress else ""
            )
            html += self.history.plot().to_html() if self.figure and self.history.lr else ""
            self.handle.update({"text/html": html, "text/plain": self.status()}, raw=True)
            self.due = now + min(2.0, max(0.25, 11 * (time.perf_counter() - now)))  # a tenth of the time

    def close(self) -> None:
        """Leave behind what stays: a picture, or one line in place of the bar."""
        self.bar.set_postfix_str(self.status())
        self.bar.close()
        if self.handle is not None:
            drawn = self.figure and self.history.lr
            self.handle.update(self.history.plot() if drawn else {"text/plain": self.status()}, raw=not drawn)

    def status(self) -> str:
        """Say in a line how far the training is."""
        values = [f"{name} {line[-1]:.4g}" for name, line in self.history.values.items() if "valid" in name]
        return ", ".join([f"epoch {min(len(self.history.lr) + 1, self.epochs)} of {self.epochs}", *values])
