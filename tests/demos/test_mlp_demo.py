import numpy as np
import pytest
import torch
from torch import nn

from course_lib.demos import mlp
from course_lib.demos.mlp import MLPPlayground, build_model, read_model

MODELS = {
    "linear": lambda: nn.Sequential(nn.Linear(2, 1)),
    "tanh": lambda: nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)),
    "relu": lambda: nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3)),
    "sigmoid": lambda: nn.Sequential(nn.Linear(2, 5, bias=False), nn.Sigmoid(), nn.Linear(5, 2, bias=False)),
    "two activations": lambda: nn.Sequential(nn.Linear(2, 6), nn.LeakyReLU(0.2), nn.Tanh(), nn.Linear(6, 1)),
    "two linear": lambda: nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)),
    "identities": lambda: nn.Sequential(nn.Linear(2, 3), nn.Identity(), nn.Linear(3, 1), nn.Identity()),
}

COMPUTE = """(module, tasks) => tasks.map(({ architecture, weights, X, y, steps, lr }) => {
    const network = new module.Network(architecture, Float64Array.from(weights));
    const rows = Float64Array.from(X.flat());
    const logits = Array.from(network.forward(rows, y.length).at(-1));
    const { loss, accuracy, gradient } = network.gradient(rows, y, y.length);
    for (let k = 0; k < steps; k += 1) network.step(rows, y, y.length, lr);
    return { logits, loss, accuracy, gradient: Array.from(gradient), trained: Array.from(network.weights) };
})"""


def loss_of(logits, y):
    if logits.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], y.to(logits.dtype))
    return nn.functional.cross_entropy(logits, y)


def cases():
    torch.manual_seed(0)
    for make in MODELS.values():
        model = make()
        for scale in (1.0, 30.0):  # with 30 the logits are large: the loss must not overflow
            X = scale * torch.randn(20, 2)
            y = torch.randint(0, max(2, model(X).shape[1]), (20,))
            yield model, X, y


def test_javascript_agrees_with_pytorch_forward_backward_and_in_training(javascript):
    chosen = list(cases())
    tasks = []
    for model, X, y in chosen:
        architecture, weights = read_model(model)
        task = {"architecture": architecture, "weights": weights.tolist(), "X": X.tolist(), "y": y.tolist()}
        tasks.append({**task, "steps": 5, "lr": 0.05})
    for (model, X, y), got in zip(chosen, javascript(mlp, COMPUTE, tasks), strict=True):
        with torch.no_grad():
            logits32 = model(X)
        np.testing.assert_allclose(np.reshape(got["logits"], logits32.shape), logits32, rtol=1e-5, atol=1e-5)
        exact = build_model(*read_model(model)).double()
        logits = exact(X.double())
        loss = loss_of(logits, y)
        gradients = torch.autograd.grad(loss, list(exact.parameters()))
        assert got["loss"] == pytest.approx(loss.item(), rel=1e-10)
        np.testing.assert_allclose(
            got["gradient"], torch.cat([g.ravel() for g in gradients]), atol=1e-10, rtol=1e-8
        )
        right = (logits.argmax(1) if logits.shape[1] > 1 else (logits[:, 0] > 0).long()) == y
        assert got["accuracy"] == pytest.approx(right.double().mean().item())
        optimizer = torch.optim.SGD(exact.parameters(), lr=0.05)
        for _ in range(5):
            optimizer.zero_grad()
            loss_of(exact(X.double()), y).backward()
            optimizer.step()
        np.testing.assert_allclose(got["trained"], read_model(exact)[1], rtol=1e-7, atol=1e-9)


def test_javascript_makes_the_same_network_from_the_same_seed(javascript):
    call = """(module, seeds) => seeds.map((seed) => {
        const { architecture, weights } = module.freshNetwork([4, 3], "relu", 1, seed);
        return [architecture, Array.from(weights)];
    })"""
    (architecture, first), (_, again), (_, other) = javascript(mlp, call, [0, 0, 1])
    assert first == again
    assert first != other
    assert (
        architecture
        == read_model(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)))[
            0
        ]
    )
    assert max(map(abs, first[:12])) <= 1 / np.sqrt(2)
    assert np.std(first) > 0.2


@pytest.mark.parametrize("name", MODELS)
def test_a_model_survives_the_way_to_the_browser_and_back(name):
    model = MODELS[name]()
    again = build_model(*read_model(model))
    X = torch.randn(9, 2)
    assert torch.equal(again(X), model(X))
    assert str(again) == str(model)


def test_what_the_browser_trained_comes_back():
    demo = MLPPlayground(hidden=(3,), start=0)
    architecture, weights = read_model(MODELS["tanh"]())
    demo.set_state(
        {"architecture": architecture, "weights": memoryview(weights.tobytes()), "losses": [[7, 0.5]]}
    )
    assert np.array_equal(read_model(demo.to_torch())[1], weights)
    assert demo.losses == [[7, 0.5]]
    assert demo.figure().alt.startswith("Step 7")


def test_it_opens_half_trained_as_many_steps_of_gradient_descent_would_leave_it():
    fresh, demo = MLPPlayground(start=0), MLPPlayground(start=30)
    assert fresh.weights == fresh.initial == demo.initial
    X, y = (torch.from_numpy(array) for array in demo.data())
    model = fresh.to_torch().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=demo.lr)
    for _ in range(30):
        optimizer.zero_grad()
        loss_of(model(X), y).backward()
        optimizer.step()
    np.testing.assert_allclose(np.frombuffer(demo.weights), read_model(model)[1], rtol=1e-9)
    assert [step for step, _ in demo.losses] == list(range(31))
    assert demo.losses[-1][1] < demo.losses[0][1]


def test_making_one_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    want = torch.rand(1), np.random.rand()  # noqa: NPY002
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    threads = torch.get_num_threads()
    MLPPlayground()
    assert (torch.rand(1), np.random.rand()) == want  # noqa: NPY002
    assert torch.get_num_threads() == threads


def test_it_shows_the_students_own_model_and_never_changes_it():
    model = MODELS["tanh"]()
    before = read_model(model)[1]
    demo = MLPPlayground(model)
    assert np.array_equal(np.frombuffer(demo.weights), before)
    demo.set_state({"weights": bytes(8 * before.size)})
    assert np.array_equal(read_model(model)[1], before)


def test_update_reads_the_students_model_again_and_is_a_callback():
    model = MODELS["tanh"]()
    demo = MLPPlayground(model, "xor")
    with torch.no_grad():
        model[0].weight += 1
    demo.update("whatever", a=1)
    assert np.array_equal(np.frombuffer(demo.weights), read_model(model)[1])
    X, y = (torch.from_numpy(array) for array in demo.data())
    assert demo.losses[-1] == [1, pytest.approx(loss_of(model(X.float()), y).item(), rel=1e-5)]
    with pytest.raises(ValueError, match="none to read again"):
        MLPPlayground().update()


def test_own_data_with_three_classes_gets_three_logits():
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 3
    demo = MLPPlayground(X=X, y=y)
    assert demo.to_torch()[-1].out_features == 3
    shown, classes = demo.data()
    np.testing.assert_allclose(shown, X, atol=1e-6)
    assert classes.tolist() == y.tolist()


def test_noise_moves_the_points_and_only_the_points():
    demo = MLPPlayground(noise=0.0)
    clean, y = demo.data()
    demo.noise = 0.3
    noisy, same = demo.data()
    assert (y == same).all()
    assert 0.1 < np.std(noisy - clean) / np.std(clean) < 0.5


@pytest.mark.parametrize("problem", ["rings", "spirals", "xor", "moons"])
def test_the_toy_problems_are_learnable_but_not_by_a_line(problem):
    def accuracy(**options):
        demo = MLPPlayground(problem=problem, noise=0.0, lr=3.0, start=800, **options)
        X, y = demo.data()
        return (mlp._classes(demo.to_torch(), X) == y).mean()

    assert accuracy(hidden=()) < 0.92
    assert accuracy(hidden=(8, 8)) > 0.98


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (nn.Linear(2, 1), "Expected an nn.Sequential of nn.Linear, Tanh, .* got Linear"),
        (nn.Sequential(nn.Linear(2, 1), nn.Dropout()), "got one with Dropout"),
        (
            nn.Sequential(nn.Linear(3, 1)),
            "Expected a model with 2 inputs, got 3: the playground draws a plane",
        ),
        (nn.Sequential(nn.Linear(2, 1), nn.Sigmoid()), "ends in logits, got sigmoid at the end: drop it"),
        (nn.Sequential(nn.Tanh(), nn.Linear(2, 1)), r"starts with nn.Linear\(2, …\)"),
        (nn.Sequential(), "an empty one"),
        (nn.Sequential(nn.Linear(2, 500), nn.ReLU(), nn.Linear(500, 1)), "at most 256 units, got 500"),
    ],
)
def test_models_it_cannot_show_are_refused_with_a_sentence(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        MLPPlayground(model)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"X": np.zeros((5, 3)), "y": np.zeros(5)}, r"Expected X of shape \(n, 2\), got \(5, 3\)"),
        ({"X": np.zeros((3000, 2)), "y": np.zeros(3000)}, "at most 2000 points, got 3000"),
        ({"X": np.zeros((5, 2)), "y": np.zeros(4)}, r"Expected y of shape \(5,\)"),
        ({"X": np.zeros((2, 2)), "y": [0, -1]}, "classes 0, 1"),
        ({"model": MODELS["tanh"](), "X": np.ones((3, 2)), "y": [0, 1, 2]}, "Expected a model with 3 logits"),
        ({"problem": "blobs"}, "got 'blobs'"),
        ({"activation": "gelu"}, "got 'gelu'"),
        ({"hidden": (100,)}, r"widths from 1 to 64 in hidden, got \[100\]"),
    ],
)
def test_wrong_input_is_refused_with_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        MLPPlayground(**arguments)


def test_the_static_figure_says_what_it_shows():
    model = MODELS["tanh"]()
    X, y = MLPPlayground(problem="xor").data()
    alt = mlp.draw(model, X, y).alt
    right = (mlp._classes(model, X) == y).mean()
    assert f"{right:.1%} of 160 points right" in alt
    assert "2 hidden layers (4, 3 units)" in alt
    assert "no hidden layer" in mlp.draw(MODELS["linear"](), X, y).alt
