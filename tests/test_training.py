"""What ``course_lib.training`` promises."""

import math
import os
import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace
from typing import NamedTuple

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from torch import nn
from torch.nn import functional as fn

from course_lib import plotting, training

CPU = {"device": "cpu", "progress": False}


class Split(NamedTuple):
    X: np.ndarray
    y: np.ndarray


def points(n=50, seed=0):
    """Two classes of points, n of each part: a multiple of no batch size used here."""
    X = np.random.default_rng(seed).normal(size=(2 * n, 2)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    return SimpleNamespace(train=Split(X[:n], y[:n]), valid=Split(X[n:], y[n:]))


def cut(split, size, dtype=torch.float32):
    """Batches in order, as a list."""
    starts = range(0, len(split.X), size)
    return [
        (torch.tensor(split.X[i : i + size]).to(dtype), torch.tensor(split.y[i : i + size])) for i in starts
    ]


def network(seed=0, dtype=torch.float32, dropout=0.0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2)).to(dtype)


class Constant(nn.Module):
    """A model of one weight, which is its output whatever the inputs."""

    def __init__(self, value=0.0):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, x):
        return self.value.expand(len(x))


ONE_BATCH = [(torch.zeros(4, 1), torch.zeros(4))]


def fit_scripted(values, **options):
    """Fit with the weight 1, 2, 3, … after the epochs, and these validation losses, one an epoch."""
    model, left = Constant(), iter(values)

    class Counter(torch.optim.SGD):
        def step(self, closure=None):
            with torch.no_grad():
                model.value += 1

    def loss(outputs, targets):
        return outputs.sum() * 0 + (0.0 if torch.is_grad_enabled() else next(left))

    options = {"epochs": len(values), "metrics": {}, "optimizer": Counter(model.parameters())} | CPU | options
    return model, training.fit(model, (ONE_BATCH, ONE_BATCH), loss=loss, **options)


def test_a_fit_equals_the_loop_written_by_hand():
    train, (whole,) = cut(points().train, 16, torch.float64), cut(points().valid, 50, torch.float64)
    first, second = network(dtype=torch.float64), network(dtype=torch.float64)
    optimizer = torch.optim.Adam(first.parameters(), lr=0.01)
    train_losses, valid_losses = [], []
    for _ in range(5):
        total = 0
        for inputs, targets in train:
            loss = fn.cross_entropy(first(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(inputs)
        train_losses.append(total / 50)
        valid_losses.append(fn.cross_entropy(first(whole[0]), whole[1]).item())
    history = training.fit(second, (train, cut(points().valid, 16, torch.float64)), epochs=5, lr=0.01, **CPU)
    np.testing.assert_allclose(history["train loss"], train_losses, rtol=0, atol=1e-12)
    np.testing.assert_allclose(history["valid loss"], valid_losses, rtol=0, atol=1e-12)
    assert len(history.steps) == 5 * 4
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_the_same_seed_gives_the_same_history_and_fit_draws_no_random_numbers():
    def run(model):
        torch.manual_seed(5)
        history = training.fit(model, training.loaders(points(), 16, seed=3), epochs=3, **CPU)
        return history.values, history.steps, torch.rand(3).tolist()

    assert run(network(dropout=0.5)) == run(network(dropout=0.5))
    torch.manual_seed(5)
    assert run(network())[2] == torch.rand(3, generator=torch.Generator().manual_seed(5)).tolist()


def test_training_learns_in_training_mode_and_ends_in_evaluation_mode():
    model, seen = network(dropout=0.1).eval(), []  # as an earlier fit leaves it
    model[1].register_forward_hook(lambda module, *_: seen.append((module.training, torch.is_grad_enabled())))
    history = training.fit(model, training.loaders(points(), 16), epochs=100, lr=0.01, **CPU)
    assert history["valid accuracy"][-1] > 0.85 > history["valid accuracy"][0]
    assert history["valid loss"][-1] < history["valid loss"][0]
    assert (history.stopped, len(history.lr), model.training) == ("finished", 100, False)
    assert seen[:5] == [(True, True)] * 4 + [(False, False)]


def test_inputs_and_outputs_may_be_tuples_and_arrays_take_the_models_precision():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, a, b):
            assert a.dtype == torch.float32
            return self.weight * (a + b), a

    batch = (np.ones(3), np.ones(3)), np.zeros(3)
    loss, metrics = lambda out, y: fn.mse_loss(out[0], y), {"mean": lambda out, y: out[0].numpy().mean()}
    history = training.fit(Sum(), [batch], epochs=1, loss=loss, metrics=metrics, **CPU)
    assert (history["train loss"], history["train mean"]) == ([4.0], [2.0])
    assert history.monitor == "train loss"


def test_the_gradients_norm_can_be_clipped():
    model = Constant(100.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    training.fit(model, ONE_BATCH, epochs=1, optimizer=optimizer, clip=0.5, **CPU)
    assert model.value.item() == pytest.approx(99.5, abs=1e-4)


def test_callbacks_see_the_history_after_each_epoch_and_their_errors_are_heard():
    seen = []
    fit_scripted([3, 2, 1], callbacks=[lambda history: seen.append(history["valid loss"][-1])])
    assert seen == [3, 2, 1]
    with pytest.raises(ZeroDivisionError):
        fit_scripted([3, 2, 1], callbacks=[lambda history: 1 / 0])


def test_the_learning_rate_follows_a_callable_or_a_torch_scheduler():
    _, history = fit_scripted([1] * 3, schedule=lambda epoch: 0.1 / epoch)
    assert history.lr == [0.1, 0.05, 0.1 / 3]
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    steps = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
    data = training.loaders(points())
    history = training.fit(model, data, epochs=5, optimizer=optimizer, schedule=steps, **CPU)
    assert history.lr == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_loaders_show_every_sample_once_in_a_new_order_each_epoch_fixed_by_the_seed():
    def epochs(seed):
        train, _ = training.loaders(points(), batch_size=16, seed=seed)
        return [torch.cat([x for x, _ in train]).tolist() for _ in range(2)]

    train, valid = training.loaders(points(), batch_size=16)
    assert [len(x) for x, _ in train] == [16, 16, 16, 2]
    assert len(train) == 4
    first, second = epochs(0)
    assert first != second
    assert sorted(first) == sorted(second) == sorted(points().train.X.tolist())
    assert epochs(0) == [first, second] != epochs(1)
    assert torch.equal(torch.cat([x for x, _ in valid]), torch.tensor(points().valid.X))
    data = points()
    data.train.X.setflags(write=False)
    for x, y in training.loaders(data, 7)[0]:
        assert torch.equal((x[:, 0] * x[:, 1] > 0).long(), y)
        x.zero_()
    assert data.train.X.any()  # the arrays are copied


def test_a_pair_alone_gives_the_training_loader_alone():
    pair, (both, _) = training.loaders(points().train, 16, seed=2), training.loaders(points(), 16, seed=2)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(pair, both, strict=True))
    assert "valid loss" not in training.fit(network(), pair, epochs=1, **CPU).values


def test_averages_weigh_samples_not_batches():
    batches = [(torch.zeros(3, 1), torch.zeros(3)), (torch.zeros(1, 1), torch.full((1,), 4.0))]
    metrics = {"target": lambda outputs, targets: targets.numpy().mean() + outputs.numpy().mean()}
    history = training.fit(Constant(), (batches, batches), epochs=1, lr=0.0, metrics=metrics, **CPU)
    assert history["train loss"] == history["valid loss"] == [pytest.approx(16 / 4)]
    assert history["train target"] == history["valid target"] == [pytest.approx(4 / 4)]


def test_accuracy_counts_the_highest_scores():
    scores = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert training.accuracy(scores, torch.tensor([1, 1, 1])) == pytest.approx(2 / 3)
    steps = scores[None].movedim(2, 1)  # one sequence of three steps: (1, classes, 3)
    assert training.accuracy(steps, torch.tensor([[1, 0, 0]])) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(3, 1\)"):
        training.accuracy(scores, torch.zeros(3, 1).long())


def test_evaluate_measures_a_loader_or_a_split_and_puts_the_mode_back():
    data, model = points(300), network(dropout=0.5)
    results = training.evaluate(model, data.valid)
    assert results == training.evaluate(model, training.loaders(data)[1])
    assert model.training
    outputs, targets = model.eval()(torch.tensor(data.valid.X)), torch.tensor(data.valid.y)
    assert results["loss"] == pytest.approx(fn.cross_entropy(outputs, targets).item(), rel=1e-6)
    assert results["accuracy"] == pytest.approx(training.accuracy(outputs, targets), abs=1e-12)


def test_predict_gives_back_the_kind_of_array_it_got():
    model, X = network(dropout=0.5), points(300).train.X
    outputs = training.predict(model, X[::-1].astype(float), batch_size=7)[::-1]
    assert isinstance(outputs, np.ndarray)
    assert model.training
    np.testing.assert_allclose(outputs, model.eval()(torch.tensor(X)).detach(), rtol=1e-6, atol=1e-6)
    tensor = training.predict(model, torch.tensor(X))
    assert isinstance(tensor, torch.Tensor)
    assert not tensor.requires_grad


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "stopped", "weight"),
    [
        ([5, 4, 3, 3, 4, 0], 2, 5, "early", 3),  # an equal value is no improvement
        ([5, 6, 4, 6, 3, 6, 6, 1], 2, 7, "early", 5),  # epochs in a row count
        ([5, 6, 1], 1, 2, "early", 1),
        ([5, 6, 6, 6], 3, 4, "early", 1),
        ([5, 6, 6], 3, 3, "finished", 1),  # the best weights come back also when the epochs run out
        ([5, 1, 2], None, 3, "finished", 3),  # without patience the last weights stay
    ],
)
def test_patience_ends_the_training_and_puts_the_best_weights_back(losses, patience, epochs, stopped, weight):
    model, history = fit_scripted(losses, patience=patience)
    assert history["valid loss"] == losses[:epochs]
    assert (history.stopped, model.value.item()) == (stopped, weight)
    assert history.best_epoch == 1 + np.argmin(losses[:epochs])


def test_buffers_such_as_batch_norms_averages_belong_to_the_best_weights():
    torch.manual_seed(0)
    model, states = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), []
    note = lambda history: states.append({k: v.clone() for k, v in model.state_dict().items()})  # noqa: E731
    data = training.loaders(points(), 16)
    history = training.fit(model, data, epochs=5, lr=0.3, patience=5, callbacks=[note], **CPU)
    best = states[history.best_epoch - 1]
    assert all(torch.equal(value, best[name]) for name, value in model.state_dict().items())
    assert history.best_epoch < 5  # else the last would be the best


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [("score", [1.0, 3.0, 2.0], 2), ("error", [1.0, 3.0, 0.5], 3), ("score", [math.nan, 3.0, 2.0], 2)],
)
def test_a_metric_is_best_when_greatest_unless_its_name_says_otherwise(name, values, best):
    left = iter(values)
    metrics = {name: lambda outputs, targets: 0.0 if torch.is_grad_enabled() else next(left)}
    _, history = fit_scripted([0, 0, 0], metrics=metrics, monitor=f"valid {name}")
    assert history.best_epoch == best


def test_an_interrupt_keeps_the_history_and_the_weights(capsys):
    batches, (model, reference) = cut(points().train, 10), (network(), network())
    calls = iter(range(1, 100))

    def loss(outputs, targets):
        if next(calls) == 13:
            raise KeyboardInterrupt
        return fn.cross_entropy(outputs, targets)

    history = training.fit(model, batches, epochs=9, loss=loss, **CPU)
    training.fit(reference, [*batches, *batches, *batches[:2]], epochs=1, **CPU)
    assert (history.stopped, len(history.lr), len(history.steps)) == ("interrupted", 2, 12)
    assert all(map(torch.equal, model.parameters(), reference.parameters()))
    assert not model.training
    assert "Interrupted after 2 of 9 epochs: call fit again to go on." in capsys.readouterr().out
    model, history = fit_scripted([3, 1, 2, 9], patience=4, callbacks=[interrupt_at_three])
    assert (history.stopped, history.best_epoch, model.value.item()) == ("interrupted", 2, 2)


def interrupt_at_three(history):
    if len(history.lr) == 3:
        raise KeyboardInterrupt


@pytest.mark.skipif(os.name == "nt", reason="SIGINT to a child differs on Windows")
def test_a_real_ctrl_c_ends_the_training_and_not_the_program():
    program = """
        import signal
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell has it ignored
        import torch
        from course_lib import training
        data = [(torch.zeros(4, 2), torch.zeros(4).long())] * 5
        tell = lambda history: print("epoch", len(history.lr), flush=True)
        history = training.fit(torch.nn.Linear(2, 2), data, epochs=10**9, callbacks=[tell], device="cpu")
        print("stopped:", history.stopped, len(history.lr) > 0)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "epoch 1\n"
        child.send_signal(signal.SIGINT)
        said, errors = child.communicate(timeout=120)
    assert said.endswith("stopped: interrupted True\n")
    assert errors == ""  # no bar either, where nobody is watching


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_training_with_advice(bad):
    left, model = iter([1.0, 1.0, 1.0, bad]), Constant(2.0)
    loss = lambda outputs, targets: outputs.sum() * 0 + next(left)  # noqa: E731
    with pytest.warns(UserWarning, match=f"became {bad} in epoch 2.* smaller .*0.001.*clip=1.0") as said:
        history = training.fit(model, ONE_BATCH * 2, epochs=5, loss=loss, **CPU)
    assert said[0].filename == __file__
    assert (history.stopped, len(history.lr), len(history.steps)) == ("diverged", 1, 4)
    assert math.isfinite(model.value.item())


CLASSES = torch.zeros(4, 2), torch.zeros(4).long()
STEPS = torch.optim.lr_scheduler.StepLR(torch.optim.SGD(network().parameters()), 1)


@pytest.mark.parametrize(
    ("batches", "options", "error", "message"),
    [
        ([CLASSES], {"monitor": "valid loss"}, ValueError, "loaders .train, valid. to watch the valid loss"),
        ([CLASSES], {"patience": 2}, ValueError, 'or monitor="train loss"'),
        ([CLASSES], {"monitor": "train los"}, KeyError, "no 'train los', only train loss, train accuracy"),
        (
            [CLASSES],
            {"optimizer": torch.optim.SGD(network().parameters())},
            ValueError,
            "anew after the model",
        ),
        ([CLASSES], {"schedule": STEPS}, ValueError, "Expected a schedule of this optimizer"),
        (CLASSES, {}, ValueError, r"batches such as \[\(X, y\)\], got Tensor"),
        ((b for b in []), {}, ValueError, "got generator"),
        ([], {}, ValueError, "got list"),
        ([torch.zeros(4, 2)], {}, ValueError, "pairs .inputs, targets., got Tensor of 4"),
        ([(torch.zeros(4, 2),) * 3], {}, ValueError, "got tuple of 3"),
    ],
)
def test_fit_says_what_is_wrong(batches, options, error, message):
    with pytest.raises(error, match=message):
        training.fit(network(), batches, epochs=1, **CPU, **options)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("a text", "turn texts into numbers first"),
        (Split(np.array(["a"]), np.array(["b"])), "turn texts into numbers first"),
        (Split(np.zeros((3, 2)), np.zeros(4)), r"got \[\(3, 2\), \(4,\)\]"),
        (Split(np.zeros((0, 2)), np.zeros(0)), "n > 0 rows each"),
    ],
)
def test_loaders_say_what_is_wrong_with_a_data_set(split, message):
    for dataset in (split, SimpleNamespace(train=points().train, valid=split)):
        with pytest.raises(ValueError, match=message):
            training.loaders(dataset)


@pytest.mark.parametrize(
    "loss", [None, fn.mse_loss, nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), fn.huber_loss]
)
def test_shapes_that_do_not_fit_are_refused(loss):
    batch = torch.zeros(4, 2), torch.zeros(4)
    with pytest.raises(ValueError, match=r"got \(4,\) for outputs \(4, 1\); y\[:, None\] adds an axis"):
        training.fit(nn.Linear(2, 1), [batch], epochs=1, loss=loss, **CPU)
    with pytest.raises(ValueError, match=r"\(n, classes\), got \(4, 1\): is y.float\(\) meant"):
        training.fit(nn.Linear(2, 1), [CLASSES], epochs=1, **CPU)


def test_a_history_tells_itself_in_one_line():
    _, history = fit_scripted([5, 1, 2], patience=5)
    assert (
        repr(history)
        == "History: 3 epochs, train loss 0, valid loss 2; best valid loss 1 at epoch 2; finished"
    )
    with pytest.raises(KeyError, match="no 'valid accuracy', only train loss, valid loss"):
        history["valid accuracy"]
    assert repr(training.History()) == "History: 0 epochs; running"


def test_a_history_draws_its_curves_with_words():
    history = training.fit(network(), training.loaders(points()), epochs=4, **CPU)
    figure = history.plot()
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "accuracy"]
    drawn = figure.axes[0].lines[1]
    assert drawn.get_xdata().tolist() == [1, 2, 3, 4]
    assert drawn.get_ydata().tolist() == history["valid loss"]
    assert "valid loss from" in figure.alt
    assert f"epoch {history.best_epoch}" in figure.alt
    assert figure.png().startswith(b"\x89PNG")


def test_a_notebook_keeps_one_figure_with_alt_text_and_nothing_else():
    setup = """
        import time, torch
        from course_lib import training
        data = [(torch.zeros(4, 2), torch.zeros(4).long())] * 3
        def fit(pause, **options):
            slow = lambda history: time.sleep(pause)
            options = {"epochs": 3, "callbacks": [slow], "device": "cpu"} | options
            return training.fit(torch.nn.Linear(2, 2), (data, data), **options)
    """
    fits = ["0.4", "0", "0.4, progress=False", "0.4, figure=False", "0, figure=False, progress=False"]
    cells = [nbformat.v4.new_code_cell(c) for c in (textwrap.dedent(setup), *(f"h = fit({f})" for f in fits))]
    NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=300, kernel_name="python3").execute()
    for cell in cells[1:4]:  # updated many times, and shown only once
        (output,) = cell.outputs
        assert output.output_type == "display_data"
        assert output.metadata["image/png"]["alt"].startswith("Curves over 3 epochs: train loss from ")
        assert output.data["text/html"].startswith("<img")
        assert "<progress" not in output.data["text/html"]
    (output,) = cells[4].outputs
    assert list(output.data) == ["text/plain"]
    assert output.data["text/plain"].startswith("epoch 3 of 3, valid loss ")
    assert cells[5].outputs == []


@pytest.fixture
def shown(monkeypatch):
    """A fake notebook: what is displayed and then put in its place, in order."""
    log = []

    def display(what, *, display_id, **how):
        log.append(what)
        return SimpleNamespace(update=lambda what, **how: log.append(what))

    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr("IPython.display.display", display)
    return log


def test_the_picture_is_updated_in_place_a_few_times_a_second(shown, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(training.time, "perf_counter", lambda: now[0])

    def tick(history):
        now[0] += 0.01

    history = training.fit(network(), training.loaders(points()), epochs=200, callbacks=[tick], device="cpu")
    assert 5 <= len(shown) <= 10  # two seconds, at most four a second, none in the first half
    assert shown[0] == {"text/plain": "epoch 1 of 200"}
    assert "<progress value=" in shown[1]["text/html"]
    assert "<img" in shown[1]["text/html"]
    assert shown[1]["text/plain"].startswith("epoch 51 of 200, valid loss ")
    assert isinstance(shown[-1], plotting.Figure)
    assert len(shown[-1].axes[0].lines[0].get_xdata()) == len(history.lr) == 200


def test_what_diverged_or_failed_is_still_shown(shown):
    lossy = iter([1.0, math.nan])
    with pytest.warns(UserWarning, match="became nan in epoch 2"):
        training.fit(
            Constant(), ONE_BATCH, epochs=3, loss=lambda o, y: o.sum() * 0 + next(lossy), device="cpu"
        )
    assert isinstance(shown.pop(), plotting.Figure)
    with pytest.raises(ZeroDivisionError):
        fit_scripted([3, 2, 1], callbacks=[lambda history: 1 / 0], figure=True)
    assert isinstance(shown.pop(), plotting.Figure)


def test_a_terminal_gets_a_bar_that_ends_with_the_last_values_and_a_log_file_none(capsys, monkeypatch):
    training.fit(network(), training.loaders(points(), 16), epochs=3, device="cpu")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    training.fit(network(), training.loaders(points(), 16), epochs=3, device="cpu")
    said = capsys.readouterr().err
    assert "12/12" in said
    assert "epoch 3 of 3, valid loss " in said
    assert said.count("\n") == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card")
def test_a_card_gives_what_the_cpu_gives():
    def run(device):
        model, data = network(dtype=torch.float64), training.loaders(points(), 16)
        return model, training.fit(model, data, epochs=3, device=device, patience=2, progress=False)

    (model, on_card), (_, on_cpu) = run(None), run("cpu")
    assert next(model.parameters()).is_cuda
    np.testing.assert_allclose(on_card["valid loss"], on_cpu["valid loss"], rtol=1e-9)
    assert isinstance(training.predict(model, points().valid.X), np.ndarray)
    best = on_cpu["valid accuracy"][on_cpu.best_epoch - 1]
    assert training.evaluate(model, points().valid)["accuracy"] == best
