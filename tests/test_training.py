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
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * n, 2)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    return SimpleNamespace(train=Split(X[:n], y[:n]), valid=Split(X[n:], y[n:]))


def network(seed=0, dtype=torch.float32, dropout=0.0):
    torch.manual_seed(seed)
    layers = nn.Linear(2, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2)
    return nn.Sequential(*layers).to(dtype)


class Constant(nn.Module):
    """A model that ignores its inputs; its one weight moves only as the tests say."""

    def __init__(self, value=0.0):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, x):
        return self.value.expand(len(x))


ONE_BATCH = [(torch.zeros(4, 1), torch.zeros(4))]


def scripted(values):
    """A validation loss that takes the given values, one an epoch, whatever the model says."""
    left = iter(values)

    def loss(outputs, targets):
        return outputs.sum() * 0 + (0.0 if torch.is_grad_enabled() else next(left))

    return loss


def fit_scripted(values, **options):
    """Fit with the weight set to 1, 2, 3, … in the epochs, and the given validation losses."""
    model = Constant()

    class Counter(torch.optim.SGD):
        def step(self, closure=None):
            with torch.no_grad():
                model.value += 1

    history = training.fit(
        model,
        (ONE_BATCH, ONE_BATCH),
        loss=scripted(values),
        optimizer=Counter(model.parameters(), lr=0.1),
        **({"epochs": len(values), "metrics": {}} | CPU | options),
    )
    return model, history


# ------------------------------------------------------------------------------------- the loop


def by_hand(model, batches, valid, epochs):
    """The loop that a lecture writes out."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    train_losses, valid_losses = [], []
    for _ in range(epochs):
        total = count = 0
        model.train()
        for inputs, targets in batches:
            loss = fn.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, count = total + loss.item() * len(inputs), count + len(inputs)
        train_losses.append(total / count)
        model.eval()
        with torch.no_grad():
            valid_losses.append(fn.cross_entropy(model(valid[0]), valid[1]).item())
    return train_losses, valid_losses


def test_a_fit_equals_the_loop_written_by_hand():
    data = points()
    train, valid = (
        [(torch.tensor(split.X[i : i + 16], dtype=torch.float64), torch.tensor(split.y[i : i + 16]))
         for i in range(0, 50, 16)]
        for split in (data.train, data.valid)
    )  # fmt: skip
    whole = torch.cat([x for x, _ in valid]), torch.cat([y for _, y in valid])
    first, second = network(dtype=torch.float64), network(dtype=torch.float64)
    want_train, want_valid = by_hand(first, train, whole, epochs=5)
    history = training.fit(second, (train, valid), epochs=5, lr=0.01, **CPU)
    np.testing.assert_allclose(history["train loss"], want_train, rtol=0, atol=1e-12)
    np.testing.assert_allclose(history["valid loss"], want_valid, rtol=0, atol=1e-12)
    assert len(history.steps) == 5 * 4
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_the_same_seed_gives_the_same_history_to_the_last_bit():
    def run():
        torch.manual_seed(1)
        model = network(dropout=0.5)
        return training.fit(model, training.loaders(points(), 16, seed=3), epochs=3, **CPU)

    a, b = run(), run()
    assert a.values == b.values
    assert a.steps == b.steps


def test_fit_draws_no_random_numbers():
    model = network()
    torch.manual_seed(5)
    want = torch.rand(3)
    torch.manual_seed(5)
    training.fit(model, training.loaders(points(), 16), epochs=2, **CPU)
    assert torch.equal(torch.rand(3), want)


def test_training_learns_and_leaves_the_model_in_evaluation_mode():
    model, seen = network(dropout=0.1).eval(), []  # as an earlier fit leaves it
    model[1].register_forward_hook(lambda module, *_: seen.append((module.training, torch.is_grad_enabled())))
    history = training.fit(model, training.loaders(points(), 16), epochs=100, lr=0.01, **CPU)
    assert history["valid accuracy"][-1] > 0.85 > history["valid accuracy"][0]
    assert history["valid loss"][-1] < history["valid loss"][0]
    assert history.stopped == "finished"
    assert len(history) == 100
    assert not model.training
    assert seen[:5] == [(True, True)] * 4 + [(False, False)]


def test_inputs_may_be_a_tuple_and_real_numbers_take_the_models_precision():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, a, b):
            assert a.dtype == torch.float32
            return self.weight * (a + b)

    batch = (np.ones(3), np.ones(3)), np.zeros(3)
    history = training.fit(Sum(), [batch], epochs=1, **CPU)
    assert history["train loss"] == [4.0]
    assert history.monitor == "train loss"


def test_the_gradients_norm_can_be_clipped():
    model = Constant(100.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    training.fit(model, ONE_BATCH, epochs=1, optimizer=optimizer, clip=0.5, **CPU)
    assert model.value.item() == pytest.approx(99.5, abs=1e-4)


def test_callbacks_see_the_history_after_each_epoch_and_their_errors_are_heard():
    seen = []
    training.fit(
        network(), training.loaders(points()), epochs=3, callbacks=[lambda h: seen.append(len(h))], **CPU
    )
    assert seen == [1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        training.fit(network(), training.loaders(points()), epochs=3, callbacks=[lambda h: 1 / 0], **CPU)


# -------------------------------------------------------------------------------------- loaders


def test_loaders_show_every_sample_once_in_a_new_order_each_epoch():
    train, valid = training.loaders(points(50), batch_size=16, seed=0)
    epochs = [torch.cat([x for x, _ in train]) for _ in range(2)]
    assert [len(x) for x, _ in train] == [16, 16, 16, 2]
    assert len(train) == 4
    assert not torch.equal(*epochs)
    for epoch in epochs:
        assert sorted(epoch.tolist()) == sorted(points(50).train.X.tolist())
    assert torch.equal(torch.cat([x for x, _ in valid]), torch.tensor(points(50).valid.X))


def test_loaders_repeat_their_orders_by_seed():
    def orders(seed):
        train, _ = training.loaders(points(), 16, seed=seed)
        return [torch.cat([x for x, _ in train]).tolist() for _ in range(3)]

    assert orders(0) == orders(0)
    assert orders(0) != orders(1)


def test_loaders_keep_inputs_and_targets_together_and_copy_them():
    data = points()
    data.train.X.setflags(write=False)
    train, _ = training.loaders(data, 7)
    for x, y in train:
        assert torch.equal((x[:, 0] * x[:, 1] > 0).long(), y)
        assert y.dtype == torch.int64
        x.zero_()
    assert data.train.X.any()


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("a text", "turn texts into numbers first"),
        (Split(np.array(["a"]), np.array(["b"])), "turn texts into numbers first"),
        (Split(np.zeros((3, 2)), np.zeros(4)), "got 3 and 4"),
        (Split(np.zeros((0, 2)), np.zeros(0)), "at least one, got 0 and 0"),
    ],
)
def test_loaders_say_what_is_wrong_with_a_data_set(train, message):
    with pytest.raises(ValueError, match=message):
        training.loaders(SimpleNamespace(train=train, valid=points().valid))


# -------------------------------------------------------------------------------------- metrics


def test_averages_weigh_samples_not_batches():
    batches = [(torch.zeros(3, 1), torch.zeros(3)), (torch.zeros(1, 1), torch.full((1,), 4.0))]
    metrics = {"target": lambda outputs, targets: targets.mean()}
    history = training.fit(Constant(), (batches, batches), epochs=1, lr=0.0, metrics=metrics, **CPU)
    assert history["train loss"] == history["valid loss"] == [pytest.approx(16 / 4)]
    assert history["train target"] == history["valid target"] == [pytest.approx(4 / 4)]


def test_metrics_get_outputs_without_gradients():
    metrics = {"mean": lambda outputs, targets: outputs.numpy().mean()}
    history = training.fit(Constant(3.0), ONE_BATCH, epochs=1, metrics=metrics, **CPU)
    assert history["train mean"] == [3.0]


def test_accuracy_counts_the_highest_scores():
    scores = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert training.accuracy(scores, torch.tensor([1, 1, 1])) == pytest.approx(2 / 3)
    steps = scores[None].movedim(2, 1)  # one sequence of three steps: (1, classes, 3)
    assert training.accuracy(steps, torch.tensor([[1, 0, 0]])) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(3, 1\)"):
        training.accuracy(scores, torch.zeros(3, 1).long())


def test_evaluate_measures_a_loader_or_a_split_and_puts_the_mode_back():
    data, model = points(300), network(dropout=0.5)
    _, valid = training.loaders(data)
    results = training.evaluate(model, valid), training.evaluate(model, data.valid)
    assert results[0] == results[1]
    assert model.training
    model.eval()
    outputs = model(torch.tensor(data.valid.X))
    targets = torch.tensor(data.valid.y)
    assert results[0]["loss"] == pytest.approx(fn.cross_entropy(outputs, targets).item(), rel=1e-6)
    assert results[0]["accuracy"] == pytest.approx(training.accuracy(outputs, targets), abs=1e-12)


def test_evaluation_leaves_a_frozen_layer_frozen():
    model = network(dropout=0.5)
    model[2].eval()
    training.evaluate(model, points().valid)
    training.predict(model, points().valid.X)
    assert [layer.training for layer in model] == [True, True, False, True]


def test_predict_gives_back_the_kind_of_array_it_got():
    model, X = network(dropout=0.5), points(300).train.X
    outputs = training.predict(model, X, batch_size=7)
    assert isinstance(outputs, np.ndarray)
    assert model.training
    model.eval()
    want = model(torch.tensor(X))
    np.testing.assert_allclose(outputs, want.detach().numpy(), rtol=1e-6, atol=1e-7)
    tensor = training.predict(model, torch.tensor(X))
    assert isinstance(tensor, torch.Tensor)
    assert not tensor.requires_grad
    np.testing.assert_allclose(training.predict(model, X[::-1].astype(float))[::-1], outputs, atol=1e-6)


# ------------------------------------------------------------------------------- early stopping


def test_early_stopping_puts_the_best_weights_back():
    model, history = fit_scripted([5, 4, 3, 3, 4, 0], patience=2)
    assert history["valid loss"] == [5, 4, 3, 3, 4]  # stopped after two epochs without improvement
    assert history.stopped == "early"
    assert history.best_epoch == 3
    assert model.value.item() == 3


def test_patience_counts_epochs_in_a_row():
    _, history = fit_scripted([5, 6, 4, 6, 3, 6, 6, 1], patience=2)
    assert len(history) == 7
    _, history = fit_scripted([5, 6, 1], patience=1)
    assert len(history) == 2
    _, history = fit_scripted([5, 6, 6, 6], patience=3)
    assert (len(history), history.stopped) == (4, "early")
    _, history = fit_scripted([5, 6, 6], patience=3)
    assert (len(history), history.stopped) == (3, "finished")


def test_best_weights_come_back_also_when_the_epochs_run_out():
    model, history = fit_scripted([5, 1, 2], patience=10)
    assert (history.stopped, model.value.item()) == ("finished", 2)


def test_without_patience_the_last_weights_stay():
    model, history = fit_scripted([5, 1, 2])
    assert (history.best_epoch, model.value.item()) == (2, 3)


def test_buffers_such_as_batch_norms_averages_belong_to_the_best_weights():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    states = []
    note = lambda history: states.append({k: v.clone() for k, v in model.state_dict().items()})  # noqa: E731
    data = training.loaders(points(), 16)
    history = training.fit(model, data, epochs=5, lr=0.3, patience=5, callbacks=[note], **CPU)
    best = states[history.best_epoch - 1]
    assert all(torch.equal(value, best[name]) for name, value in model.state_dict().items())
    assert history.best_epoch < 5  # else the last would be the best


def test_a_metric_is_best_when_greatest_unless_said_otherwise():
    values = iter([1.0, 3.0, 2.0] * 4)
    metrics = {"score": lambda outputs, targets: next(values) if not torch.is_grad_enabled() else 0.0}
    _, history = fit_scripted([0, 0, 0], metrics=metrics, monitor="valid score")
    assert history.best_epoch == 2
    _, history = fit_scripted([0, 0, 0], metrics=metrics, monitor="valid score", best="min")
    assert history.best_epoch == 1
    values = iter([math.nan, 3.0, 2.0])  # what is no number is beaten by any
    _, history = fit_scripted([0, 0, 0], metrics=metrics, monitor="valid score")
    assert history.best_epoch == 2


# ------------------------------------------------------------------------------------- schedules


def test_a_callable_schedule_is_asked_before_each_epoch():
    history = training.fit(
        network(), training.loaders(points()), epochs=3, schedule=lambda epoch: 0.1 / epoch, **CPU
    )
    assert history.lr == [0.1, 0.05, 0.1 / 3]


def test_a_torch_scheduler_steps_after_each_epoch():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
    history = training.fit(
        model, training.loaders(points()), epochs=5, optimizer=optimizer, schedule=schedule, **CPU
    )
    assert history.lr == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_a_plateau_scheduler_sees_the_monitored_value():
    model = Constant()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    history = training.fit(
        model, (ONE_BATCH, ONE_BATCH), epochs=5, optimizer=optimizer, schedule=schedule,
        loss=scripted([5, 4, 4, 3, 3]), **CPU,
    )  # fmt: skip
    assert history.lr == [1, 1, 1, 0.5, 0.5]
    assert optimizer.param_groups[0]["lr"] == 0.25


# ----------------------------------------------------------------- interrupted and diverged runs


class Interrupting(list):
    """Batches; the one with this number (counted over all epochs) raises KeyboardInterrupt."""

    def __init__(self, batches, at):
        super().__init__(batches)
        self.left = at

    def __iter__(self):
        for batch in super().__iter__():
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            yield batch


def test_an_interrupt_keeps_the_history_and_the_weights(capsys):
    data = points()
    batches = [
        (torch.tensor(data.train.X[i : i + 10]), torch.tensor(data.train.y[i : i + 10]))
        for i in range(0, 50, 10)
    ]
    model, reference = network(), network()
    history = training.fit(model, Interrupting(batches, at=13), epochs=9, **CPU)
    training.fit(reference, [*batches, *batches, *batches[:2]], epochs=1, **CPU)
    assert history.stopped == "interrupted"
    assert len(history) == 2
    assert len(history.steps) == 12
    for a, b in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not model.training
    said = capsys.readouterr().out
    assert "Interrupted in epoch 3 of 9." in said
    assert "call fit again with the same model and optimizer" in said


def test_an_interrupt_puts_the_best_weights_back_where_patience_asks():
    model, history = fit_scripted([3, 1, 2, 9], patience=4, callbacks=[interrupt_at_three])
    assert history.stopped == "interrupted"
    assert (history.best_epoch, model.value.item()) == (2, 2)


def interrupt_at_three(history):
    if len(history) == 3:
        raise KeyboardInterrupt


@pytest.mark.skipif(os.name == "nt", reason="SIGINT to a child differs on Windows")
def test_a_real_ctrl_c_ends_the_training_and_not_the_program():
    program = """
        import torch
        from course_lib import training
        data = [(torch.zeros(4, 2), torch.zeros(4).long())] * 5
        tell = lambda history: print("epoch", len(history), flush=True)
        history = training.fit(torch.nn.Linear(2, 2), data, epochs=10**9, callbacks=[tell], device="cpu")
        print("stopped:", history.stopped, len(history) > 0)
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
    left = iter([1.0, 1.0, 1.0, bad])
    loss = lambda outputs, targets: outputs.sum() * 0 + next(left)  # noqa: E731
    model = Constant(2.0)
    with pytest.warns(
        UserWarning, match=f"became {bad} in epoch 2.* smaller learning rate.*0.001.*clip=1.0"
    ) as said:
        history = training.fit(model, ONE_BATCH * 2, epochs=5, loss=loss, **CPU)
    assert said[0].filename == __file__
    assert (history.stopped, len(history), len(history.steps)) == ("diverged", 1, 4)
    assert math.isfinite(model.value.item())


def test_a_validation_loss_that_is_not_finite_ends_the_training():
    with pytest.warns(UserWarning, match="validation loss became nan after epoch 2"):
        model, history = fit_scripted([3, math.nan, 1], patience=3)
    assert (history.stopped, len(history), history.best_epoch, model.value.item()) == ("diverged", 2, 1, 1)


# ---------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs to be a positive whole number, got 0"),
        ({"epochs": 2.0}, "got 2.0"),
        ({"patience": 0}, "patience to be a positive whole number"),
        ({"best": "most"}, 'best to be "min" or "max"'),
        ({"monitor": "valid loss"}, "Expected validation batches to watch the 'valid loss'"),
        ({"patience": 2}, 'monitor="train loss"'),
        ({"monitor": "train los", "patience": 2}, "one of train loss, train accuracy, got 'train los'"),
        ({"optimizer": torch.optim.SGD(network().parameters(), lr=1)}, "make it anew after the model"),
    ],
)
def test_fit_says_which_argument_is_wrong(options, message):
    batches = [(torch.zeros(4, 2), torch.zeros(4).long())]
    with pytest.raises(ValueError, match=message):
        training.fit(network(), batches, **({"epochs": 1} | CPU | options))


def test_a_schedule_must_belong_to_the_optimizer():
    model = network()
    schedule = torch.optim.lr_scheduler.StepLR(torch.optim.SGD(model.parameters(), lr=1), 1)
    with pytest.raises(ValueError, match="Expected a schedule of this optimizer"):
        training.fit(model, training.loaders(points()), epochs=1, schedule=schedule, **CPU)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ((torch.zeros(4, 2), torch.zeros(4)), r"write \[\(X, y\)\] for one batch"),
        ((b for b in []), "can be iterated again and have a length, got generator"),
        ([], "at least one batch"),
        ([torch.zeros(4, 2)], "pair .inputs, targets., got a Tensor"),
        ([(torch.zeros(4, 2),) * 3], "got 3 values"),
    ],
)
def test_fit_says_what_is_wrong_with_the_batches(batches, message):
    with pytest.raises(ValueError, match=message):
        training.fit(network(), batches, epochs=1, **CPU)


@pytest.mark.parametrize("loss", [None, fn.mse_loss, nn.MSELoss(), nn.L1Loss(), fn.huber_loss])
def test_shapes_that_would_broadcast_are_refused(loss):
    batch = torch.zeros(4, 2), torch.zeros(4)
    with pytest.raises(ValueError, match=r"shape \(4, 1\), got \(4,\): add the axis with y\[:, None\]"):
        training.fit(nn.Linear(2, 1), [batch], epochs=1, loss=loss, **CPU)


def test_classes_need_an_output_each():
    batch = torch.zeros(4, 2), torch.zeros(4).long()
    with pytest.raises(ValueError, match=r"shape \(n, classes\), got \(4, 1\) for integer targets"):
        training.fit(nn.Linear(2, 1), [batch], epochs=1, **CPU)


def test_a_loss_must_be_one_number():
    batch = torch.zeros(4, 2), torch.zeros(4).long()
    with pytest.raises(ValueError, match=r"got shape \(4,\): take its mean"):
        training.fit(network(), [batch], epochs=1, loss=nn.CrossEntropyLoss(reduction="none"), **CPU)


# ---------------------------------------------------------------------------------- the history


def test_a_history_tells_itself_in_one_line():
    _, history = fit_scripted([5, 1, 2], patience=5)
    assert repr(history) == (
        "History: 3 epochs, train loss 0, valid loss 2; best valid loss 1 at epoch 2; finished"
    )
    with pytest.raises(KeyError, match="no 'valid accuracy', only train loss, valid loss"):
        history["valid accuracy"]


def test_a_history_draws_its_curves_with_words():
    history = training.fit(network(), training.loaders(points()), epochs=4, **CPU)
    figure = history.plot()
    assert isinstance(figure, plotting.Figure)
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "accuracy"]
    drawn = figure.axes[0].lines[1]
    assert drawn.get_xdata().tolist() == [1, 2, 3, 4]
    assert drawn.get_ydata().tolist() == history["valid loss"]
    assert "valid loss from" in figure.alt
    assert f"epoch {history.best_epoch}" in figure.alt
    assert figure.png().startswith(b"\x89PNG")


def test_an_empty_history_has_a_line_but_no_figure():
    history = training.fit(
        network(), Interrupting([(torch.zeros(2, 2), torch.zeros(2).long())], 1), epochs=3, **CPU
    )
    assert repr(history) == "History: 0 epochs, interrupted"
    with pytest.raises(ValueError, match="nothing to draw"):
        history.plot()


# ----------------------------------------------------------------------------- bars and pictures


def run_notebook(*cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(c)) for c in cells])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return notebook.cells


SLOW = """
    import time, torch
    from course_lib import training
    data = [(torch.zeros(4, 2), torch.zeros(4).long())] * 3
    def fit(pause, **options):
        torch.manual_seed(0)
        slow = lambda history: time.sleep(pause)
        options = {"epochs": 3, "callbacks": [slow]} | options
        return training.fit(torch.nn.Linear(2, 2), (data, data), device="cpu", **options)
"""


def test_a_notebook_keeps_one_figure_with_alt_text_and_nothing_else():
    cells = run_notebook(
        SLOW,
        "h = fit(0.4)",
        "h = fit(0)",
        "h = fit(0.4, figure=False)",
        "h = fit(0, figure=False, progress=False)",
    )
    for cell in cells[1:3]:  # updated many times, and shown only once
        (output,) = cell.outputs
        assert output.output_type == "display_data"
        assert output.metadata["image/png"]["alt"].startswith("Curves over 3 epochs: train loss from ")
        assert "<progress" not in output.data["text/html"]
        assert output.data["text/html"].count("<img") == 1
    (output,) = cells[3].outputs
    assert list(output.data) == ["text/plain"]
    assert output.data["text/plain"].startswith("History: 3 epochs, train loss ")
    assert cells[4].outputs == []


@pytest.fixture
def shown(monkeypatch):
    """A fake notebook: what is displayed and updated, in order."""
    log = []

    class Handle:
        def update(self, what, **how):
            log.append(("update", what))

    def display(what, *, display_id, **how):
        log.append(("display", what))
        return Handle()

    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr("IPython.display.display", display)
    return log


def test_the_picture_is_updated_in_place_a_few_times_a_second(shown, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(training.time, "perf_counter", lambda: now[0])

    def tick(history):
        now[0] += 0.01

    history = training.fit(network(), training.loaders(points()), epochs=200, callbacks=[tick], device="cpu")
    assert [kind for kind, _ in shown] == ["display"] + ["update"] * (len(shown) - 1)
    assert 4 <= len(shown) <= 9  # two seconds, at most four a second, none in the first half
    first = shown[0][1]
    assert "<progress value=" in first["text/html"]
    assert "<img" in first["text/html"]
    assert first["text/plain"].startswith("epoch 51 of 200, valid loss ")
    assert isinstance(shown[-1][1], plotting.Figure)
    assert len(shown[-1][1].axes[0].lines[0].get_xdata()) == len(history) == 200


def test_what_diverged_is_still_shown(shown):
    with pytest.warns(UserWarning, match="became"):
        fit_scripted([3, math.nan, 1], figure=True, progress=True)
    assert isinstance(shown[-1][1], plotting.Figure)


def test_an_error_in_the_first_epoch_shows_nothing_but_itself(shown):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        training.fit(network(), [(torch.zeros(4, 3), torch.zeros(4).long())], epochs=1, device="cpu")
    assert shown == []


def test_a_terminal_gets_a_bar_that_ends_with_the_last_values(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    training.fit(network(), training.loaders(points(), 16), epochs=3, device="cpu")
    said = capsys.readouterr().err
    assert "12/12" in said
    assert "epoch 3 of 3, valid loss " in said
    assert said.count("\n") == 1


def test_a_log_file_gets_no_bar(capsys):
    training.fit(network(), training.loaders(points(), 16), epochs=3, device="cpu")
    assert capsys.readouterr() == ("", "")


# --------------------------------------------------------------------------------------- the card


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card")
def test_a_card_gives_what_the_cpu_gives():
    def run(device):
        model = network(dtype=torch.float64)
        data = training.loaders(points(), 16)
        history = training.fit(model, data, epochs=3, device=device, patience=2, progress=False)
        return model, history

    (model, on_card), (_, on_cpu) = run(None), run("cpu")
    assert next(model.parameters()).is_cuda
    np.testing.assert_allclose(on_card["valid loss"], on_cpu["valid loss"], rtol=1e-9)
    assert isinstance(training.predict(model, points().valid.X), np.ndarray)
    assert (
        training.evaluate(model, points().valid)["accuracy"]
        == on_cpu["valid accuracy"][on_cpu.best_epoch - 1]
    )
