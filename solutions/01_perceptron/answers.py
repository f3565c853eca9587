"""What students write for assignment 01: wrong answers that a check must catch, right ones that none may reject."""

import itertools

import numpy as np
import torch

from course_lib.grading.trial import right, wrong

# Question 1: predict


@wrong("q1-line", "q1-unseen")
def predict(X, w, b):
    """Calls a point on the line +1."""
    return np.where(X @ w + b >= 0, 1, -1)


@wrong("q1-line", "q1-unseen")
def predict(X, w, b):
    """Takes NumPy's sign, which is 0 on the line."""
    return np.sign(X @ w + b).astype(int)


@wrong("q1-miniature", "q1-unseen")
def predict(X, w, b):
    """Copies the lecture's function, which answers 0 and 1."""
    return (X @ w + b > 0).astype(int)


@wrong("q1-miniature")
def predict(X, w, b):
    """Returns the comparison itself: booleans."""
    return X @ w + b > 0


@wrong("q1-miniature")
def predict(X, w, b):
    """Answers in floating-point numbers."""
    return np.where(X @ w + b > 0, 1.0, -1.0)


@wrong("q1-miniature", "q1-unseen")
def predict(X, w, b):
    """Subtracts the bias, as if it were a threshold."""
    return np.where(X @ w - b > 0, 1, -1)


@wrong("q1-miniature", "q1-unseen")
def predict(X, w, b):
    """Forgets the bias."""
    return np.where(X @ w > 0, 1, -1)


@wrong("q1-miniature", "q1-shapes")
def predict(X, w, b):
    """Keeps the answers in a column."""
    return np.where(X @ w[:, None] + b > 0, 1, -1)


@wrong("q1-shapes")
def predict(X, w, b):
    """Squeezes, and so loses the axis of a single row."""
    return np.where(np.squeeze(X @ w[:, None]) + b > 0, 1, -1)


@wrong("q1-shapes")
def predict(X, w, b):
    """Makes room for the answers in the dtype of the inputs."""
    answers = -np.ones(len(X), dtype=X.dtype)
    answers[X @ w + b > 0] = 1
    return answers


@wrong("q1-untouched")
def predict(X, w, b):
    """Multiplies in place."""
    X *= w
    return np.where(X.sum(axis=1) + b > 0, 1, -1)


@right
def predict(X, w, b):
    """Two loops."""
    answers = np.empty(len(X), dtype=int)
    for i in range(len(X)):
        z = b
        for j in range(len(w)):
            z += w[j] * X[i][j]
        answers[i] = 1 if z > 0 else -1
    return answers


@right
def predict(X, w, b):
    """Turns the lecture's 0 and 1 into -1 and +1, in a small dtype."""
    return 2 * (X.dot(w) + b > 0).astype(np.int8) - 1


@right
def predict(X, w, b):
    """Starts from -1 and overwrites."""
    answers = np.full(X.shape[0], -1)
    answers[np.sum(X * w, axis=1) > -b] = 1
    return answers


@right
def predict(X, w, b):
    """In PyTorch, back to NumPy at the end."""
    z = torch.tensor(X, dtype=torch.float64) @ torch.tensor(w, dtype=torch.float64) + b
    return torch.where(z > 0, 1, -1).numpy()


# Question 2: perceptron_fit


@wrong("q2-miniature", "q2-gates", "q2-unseen")
def perceptron_fit(X, y, epochs):
    """Corrects the weights and forgets the bias."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for x_i, y_i in zip(X, y, strict=True):
            if (1 if w @ x_i + b > 0 else -1) != y_i:
                w, updates = w + y_i * x_i, updates + 1
        if updates == before:
            break
    return w, b, updates


@wrong("q2-miniature", "q2-right")
def perceptron_fit(X, y, epochs):
    """Textbook condition y z <= 0, which corrects points of class -1 on the line: they are right."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for x_i, y_i in zip(X, y, strict=True):
            if y_i * (w @ x_i + b) <= 0:
                w, b, updates = w + y_i * x_i, b + y_i, updates + 1
        if updates == before:
            break
    return w, b, updates


@wrong("q2-miniature", "q2-gates", "q2-unseen")
def perceptron_fit(X, y, epochs):
    """Condition y z < 0: points of class +1 on the line are never corrected, so nothing is learned."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for x_i, y_i in zip(X, y, strict=True):
            if y_i * (w @ x_i + b) < 0:
                w, b, updates = w + y_i * x_i, b + y_i, updates + 1
        if updates == before:
            break
    return w, b, updates


@wrong("q2-miniature", "q2-unseen")
def perceptron_fit(X, y, epochs):
    """Calls evidence of exactly zero +1."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for x_i, y_i in zip(X, y, strict=True):
            if (1 if w @ x_i + b >= 0 else -1) != y_i:
                w, b, updates = w + y_i * x_i, b + y_i, updates + 1
        if updates == before:
            break
    return w, b, updates


@wrong("q2-miniature", "q2-unseen")
def perceptron_fit(X, y, epochs):
    """Copies the lecture's factor (y - ŷ), which is 2 or -2 here."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for x_i, y_i in zip(X, y, strict=True):
            error = y_i - (1 if w @ x_i + b > 0 else -1)
            w, b, updates = w + error * x_i, b + error, updates + int(error != 0)
        if updates == before:
            break
    return w, b, updates


@wrong("q2-miniature", "q2-gates", "q2-right")
def perceptron_fit(X, y, epochs):
    """Compares labels of -1 and +1 with answers of 0 and 1."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for x_i, y_i in zip(X, y, strict=True):
            if int(w @ x_i + b > 0) != y_i:
                w, b, updates = w + y_i * x_i, b + y_i, updates + 1
        if updates == before:
            break
    return w, b, updates


@wrong("q2-miniature", "q2-gates")
def perceptron_fit(X, y, epochs):
    """Corrects whether the answer was right or wrong, and counts the wrong ones."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for x_i, y_i in zip(X, y, strict=True):
            updates += int((1 if w @ x_i + b > 0 else -1) != y_i)
            w, b = w + y_i * x_i, b + y_i
        if updates == before:
            break
    return w, b, updates


@wrong("q2-miniature", "q2-gates")
def perceptron_fit(X, y, epochs):
    """Goes the wrong way: subtracts where it should add."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for x_i, y_i in zip(X, y, strict=True):
            if (1 if w @ x_i + b > 0 else -1) != y_i:
                w, b, updates = w - y_i * x_i, b - y_i, updates + 1
        if updates == before:
            break
    return w, b, updates


@wrong("q2-ends")
def perceptron_fit(X, y, epochs):
    """Goes on until nothing is wrong, and forgets the limit: on XOR it never ends."""
    w, b, updates, wrong = np.zeros(X.shape[1]), 0.0, 0, 1
    while wrong:
        wrong = 0
        for x_i, y_i in zip(X, y, strict=True):
            if (1 if w @ x_i + b > 0 else -1) != y_i:
                w, b, wrong = w + y_i * x_i, b + y_i, wrong + 1
        updates += wrong
    return w, b, updates


@wrong("q2-ends")
def perceptron_fit(X, y, epochs):
    """Never stops early: a billion epochs are a billion epochs."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        for x_i, y_i in zip(X, y, strict=True):
            if (1 if w @ x_i + b > 0 else -1) != y_i:
                w, b, updates = w + y_i * x_i, b + y_i, updates + 1
    return w, b, updates


@wrong("q2-gates", "q2-unseen")
def perceptron_fit(X, y, epochs):
    """Returns the updates of the last epoch only."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        updates = 0
        for x_i, y_i in zip(X, y, strict=True):
            if (1 if w @ x_i + b > 0 else -1) != y_i:
                w, b, updates = w + y_i * x_i, b + y_i, updates + 1
        if updates == 0:
            break
    return w, b, updates


@wrong("q2-gates", "q2-unseen")
def perceptron_fit(X, y, epochs):
    """Takes the answers of the whole epoch first, and corrects afterwards."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        wrong = np.where(X @ w + b > 0, 1, -1) != y
        w, b, updates = w + y[wrong] @ X[wrong], b + y[wrong].sum(), updates + int(wrong.sum())
        if not wrong.any():
            break
    return w, b, updates


@wrong("q2-gates", "q2-unseen")
def perceptron_fit(X, y, epochs):
    """Shuffles the rows in each epoch."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for epoch in range(epochs):
        before = updates
        for i in np.random.default_rng(epoch).permutation(len(X)):
            if (1 if w @ X[i] + b > 0 else -1) != y[i]:
                w, b, updates = w + y[i] * X[i], b + y[i], updates + 1
        if updates == before:
            break
    return w, b, updates


@wrong("q2-gates")
def perceptron_fit(X, y, epochs):
    """Stops after one epoch: the return stands inside the loop."""
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        for x_i, y_i in zip(X, y, strict=True):
            if (1 if w @ x_i + b > 0 else -1) != y_i:
                w, b, updates = w + y_i * x_i, b + y_i, updates + 1
        return w, b, updates
    return w, b, updates


@wrong("q2-right")
def perceptron_fit(X, y, epochs):
    """Turns the labels into 0 and 1, in the array it was handed, and uses the lecture's rule."""
    y[y < 0] = 0
    w, b, updates = np.zeros(X.shape[1]), 0.0, 0
    for _ in range(epochs):
        before = updates
        for x_i, y_i in zip(X, y, strict=True):
            error = int(y_i) - int(w @ x_i + b > 0)
            w, b, updates = w + error * x_i, b + error, updates + abs(error)
        if updates == before:
            break
    return w, b, updates


@right
def perceptron_fit(X, y, epochs):
    """The bias as the weight of an input that is always 1, and a while loop."""
    rows, w, updates, epoch, clean = (
        np.column_stack([X, np.ones(len(X))]),
        np.zeros(X.shape[1] + 1),
        0,
        0,
        False,
    )
    while not clean and epoch < epochs:
        clean, epoch = True, epoch + 1
        for row, label in zip(rows, y, strict=True):
            if (row @ w > 0) != (label == 1):
                w += label * row
                updates += 1
                clean = False
    return w[:-1], w[-1], updates


@right
def perceptron_fit(X, y, epochs):
    """Turns the labels into 0 and 1, in a copy, and uses the lecture's rule."""
    targets = (y + 1) // 2
    w, b, mistakes = np.zeros(X.shape[1]), 0.0, []
    for _ in range(epochs):
        mistakes.append(0)
        for x_i, t_i in zip(X, targets, strict=True):
            error = int(t_i) - int(w @ x_i + b > 0)
            w, b = w + error * x_i, b + error
            mistakes[-1] += abs(error)
        if mistakes[-1] == 0:
            break
    return w, b, sum(mistakes)


@right
def perceptron_fit(X, y, epochs):
    """Starts the bias with the whole number 0 and asks predict."""
    w, b, updates = np.zeros(X.shape[1]), 0, 0
    for _ in range(epochs):
        for i in range(len(X)):
            z = float(np.dot(X[i], w)) + b
            answer = 1 if z > 0 else -1
            if answer != y[i]:
                w = w + y[i] * X[i]
                b = b + y[i]
                updates = updates + 1
        if all(np.where(X @ w + b > 0, 1, -1) == y):
            break
    return w, b, updates


@right
def perceptron_fit(X, y, epochs):
    """Lists of Python numbers, float32 at the end."""
    rows, w, b, updates = X.tolist(), [0.0] * X.shape[1], 0.0, 0
    for _ in range(epochs):
        wrong = 0
        for x_i, y_i in zip(rows, y.tolist(), strict=True):
            positive = sum(w_j * x_j for w_j, x_j in zip(w, x_i, strict=True)) + b > 0
            if positive != (y_i > 0):
                w, b, wrong = [w_j + y_i * x_j for w_j, x_j in zip(w, x_i, strict=True)], b + y_i, wrong + 1
        updates += wrong
        if not wrong:
            break
    return np.array(w, dtype=np.float32), np.float32(b), updates


# Question 3: is_separable


@wrong("q3-narrow")
def is_separable(X, y):
    """Gives up after 1000 epochs, and takes that for a proof."""
    rows = y[:, None] * np.column_stack([X, np.ones_like(y)])
    w = np.zeros(rows.shape[1])
    for _ in range(1000):
        mistakes = 0
        for row in rows:
            if row @ w <= 0:
                w, mistakes = w + row, mistakes + 1
        if mistakes == 0:
            return True
    return False


@wrong("q3-miniature", "q3-count")
def is_separable(X, y):
    """Takes an epoch that ends where it began for an epoch without mistakes."""
    rows = y[:, None] * np.column_stack([X, np.ones_like(y)])
    w, seen = np.zeros(rows.shape[1], dtype=int), set()
    while tuple(w) not in seen:
        seen.add(tuple(w))
        start = w
        for row in rows:
            if row @ w <= 0:
                w = w + row
        if np.array_equal(w, start):
            return True
    return False


@wrong("q3-miniature", "q3-count")
def is_separable(X, y):
    """Forgets the bias: only lines through the origin."""
    rows = y[:, None] * X
    w, seen = np.zeros(rows.shape[1], dtype=int), set()
    while tuple(w) not in seen:
        seen.add(tuple(w))
        clean = True
        for row in rows:
            if row @ w <= 0:
                w, clean = w + row, False
        if clean:
            return True
    return False


@wrong("q3-miniature", "q3-special")
def is_separable(X, y):
    """Corrects only what is strictly wrong: zero weights look perfect."""
    rows = y[:, None] * np.column_stack([X, np.ones_like(y)])
    w, seen = np.zeros(rows.shape[1], dtype=int), set()
    while tuple(w) not in seen:
        seen.add(tuple(w))
        clean = True
        for row in rows:
            if row @ w < 0:
                w, clean = w + row, False
        if clean:
            return True
    return False


@wrong("q3-unseen")
def is_separable(X, y):
    """A linear program with linprog's own bounds, which allow no negative weight."""
    from scipy.optimize import linprog

    rows = y[:, None] * np.column_stack([X, np.ones_like(y)])
    return linprog(np.zeros(rows.shape[1]), A_ub=-rows, b_ub=-np.ones(len(rows))).success


@wrong("q3-miniature", "q3-special", "q3-unseen")
def is_separable(X, y):
    """A linear program that asks for y z >= 0: zero weights always do."""
    from scipy.optimize import linprog

    rows = y[:, None] * np.column_stack([X, np.ones_like(y)])
    answer = linprog(np.zeros(rows.shape[1]), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(None, None))
    return answer.success


@wrong("q3-miniature", "q3-count")
def is_separable(X, y):
    """Asks whether the classes' boxes overlap: only lines along an axis."""
    positive, negative = X[y == 1], X[y == -1]
    if len(positive) == 0 or len(negative) == 0:
        return True
    apart = (positive.min(axis=0) > negative.max(axis=0)) | (negative.min(axis=0) > positive.max(axis=0))
    return bool(apart.any())


@wrong("q3-count", "q3-unseen")
def is_separable(X, y):
    """Asks whether every point is nearer to the mean of its own class."""
    positive, negative = X[y == 1], X[y == -1]
    if len(positive) == 0 or len(negative) == 0:
        return True
    to_positive = ((X - positive.mean(axis=0)) ** 2).sum(axis=1)
    to_negative = ((X - negative.mean(axis=0)) ** 2).sum(axis=1)
    return bool((np.where(to_positive < to_negative, 1, -1) == y).all())


@wrong("q3-special")
def is_separable(X, y):
    """With one class missing there is nothing to separate, so it says no."""
    from scipy.optimize import linprog

    if len(np.unique(y)) < 2:
        return False
    rows = y[:, None] * np.column_stack([X, np.ones_like(y)])
    margin = linprog(np.zeros(rows.shape[1]), A_ub=-rows, b_ub=-np.ones(len(rows)), bounds=(None, None))
    return bool(margin.success)


@wrong("q3-special", "q3-unseen")
def is_separable(X, y):
    """Only asks whether the same point has two labels."""
    labels = {}
    for x_i, y_i in zip(X.tolist(), y.tolist(), strict=True):
        labels.setdefault(tuple(x_i), set()).add(y_i)
    return all(len(both) == 1 for both in labels.values())


@wrong("q3-miniature")
def is_separable(X, y):
    """The right proof, and the two answers exchanged."""
    rows = y[:, None] * np.column_stack([X, np.ones_like(y)])
    w, seen = np.zeros(rows.shape[1], dtype=int), set()
    while tuple(w) not in seen:
        seen.add(tuple(w))
        clean = True
        for row in rows:
            if row @ w <= 0:
                w, clean = w + row, False
        if clean:
            return False
    return True


@right
def is_separable(X, y):
    """A linear program: is there w, b with y z >= 1 everywhere?"""
    from scipy.optimize import linprog

    rows = y[:, None] * np.column_stack([X, np.ones_like(y)])
    answer = linprog(np.zeros(rows.shape[1]), A_ub=-rows, b_ub=-np.ones(len(rows)), bounds=(None, None))
    return answer.status == 0


@right
def is_separable(X, y):
    """A linear program of its own: the widest margin within a box is positive."""
    from scipy.optimize import linprog

    rows = y[:, None] * np.column_stack([X, np.ones_like(y)]).astype(float)
    d = rows.shape[1]
    constraints = np.column_stack([-rows, np.ones(len(rows))])
    bounds = [(-1000, 1000)] * d + [(None, 1)]
    best = linprog([0] * d + [-1], A_ub=constraints, b_ub=np.zeros(len(rows)), bounds=bounds)
    return bool(-best.fun > 1e-6)


@right
def is_separable(X, y):
    """The rule as question 2 states it, asymmetric on the line, in Python integers."""
    points, labels = [[*x_i, 1] for x_i in X.tolist()], y.tolist()
    w, seen = [0] * (X.shape[1] + 1), set()
    while True:
        if tuple(w) in seen:
            return False
        seen.add(tuple(w))
        mistakes = 0
        for x_i, y_i in zip(points, labels, strict=True):
            answer = 1 if sum(a * c for a, c in zip(w, x_i, strict=True)) > 0 else -1
            if answer != y_i:
                w = [a + y_i * c for a, c in zip(w, x_i, strict=True)]
                mistakes += 1
        if mistakes == 0:
            return True


@right
def is_separable(X, y):
    """Remembers the starts of the epochs in a list of strings, starts from ones."""
    rows = y[:, None] * np.hstack([X, np.ones((len(X), 1), dtype=int)])
    w, starts = np.ones(rows.shape[1], dtype=int), {}
    for epoch in itertools.count():
        if str(w) in starts:
            return False
        starts[str(w)] = epoch
        wrong = 0
        for i in range(len(rows)):
            if np.dot(rows[i], w) <= 0:
                w, wrong = w + rows[i], wrong + 1
        if wrong == 0:
            return True


# Question 4: network_for


@wrong("q4-thrift")
def network_for(table):
    """One hidden unit for each 1, however many there are."""
    rows = np.array(list(itertools.product([0, 1], repeat=len(table).bit_length() - 1)))
    chosen = rows[table == 1]
    return (2 * chosen - 1).T, 0.5 - chosen.sum(axis=1), np.ones(len(chosen)), -0.5


@wrong("q4-thrift")
def network_for(table):
    """Always looks for the rows with 0."""
    rows = np.array(list(itertools.product([0, 1], repeat=len(table).bit_length() - 1)))
    chosen = rows[table == 0]
    return (2 * chosen - 1).T, 0.5 - chosen.sum(axis=1), -np.ones(len(chosen)), 0.5


@wrong("q4-thrift")
def network_for(table):
    """A hidden unit for every row, switched off where the table has a 0."""
    rows = np.array(list(itertools.product([0, 1], repeat=len(table).bit_length() - 1)))
    return (2 * rows - 1).T, 0.5 - rows.sum(axis=1), table.copy(), -0.5


@wrong("q4-miniature", "q4-unseen")
def network_for(table):
    """Weight 0 for an input that must be 0, so that it may as well be 1."""
    rows = np.array(list(itertools.product([0, 1], repeat=len(table).bit_length() - 1)))
    rarer = np.bincount(table, minlength=2).argmin()
    chosen = rows[table == rarer]
    W1, b1, w2 = chosen.T, 0.5 - chosen.sum(axis=1), np.ones(len(chosen))
    return (W1, b1, w2, -0.5) if rarer == 1 else (W1, b1, -w2, 0.5)


@wrong("q4-three", "q4-unseen")
def network_for(table):
    """Forgets to transpose: one row for each hidden unit."""
    rows = np.array(list(itertools.product([0, 1], repeat=len(table).bit_length() - 1)))
    rarer = np.bincount(table, minlength=2).argmin()
    chosen = rows[table == rarer]
    W1, b1, w2 = 2 * chosen - 1, 0.5 - chosen.sum(axis=1), np.ones(len(chosen))
    return (W1, b1, w2, -0.5) if rarer == 1 else (W1, b1, -w2, 0.5)


@wrong("q4-three", "q4-unseen")
def network_for(table):
    """Counts the rows with the first input changing fastest."""
    d = len(table).bit_length() - 1
    rows = (np.arange(2**d)[:, None] >> np.arange(d)) & 1
    rarer = np.bincount(table, minlength=2).argmin()
    chosen = rows[table == rarer]
    W1, b1, w2 = (2 * chosen - 1).T, 0.5 - chosen.sum(axis=1), np.ones(len(chosen))
    return (W1, b1, w2, -0.5) if rarer == 1 else (W1, b1, -w2, 0.5)


@wrong("q4-miniature", "q4-unseen")
def network_for(table):
    """A hidden threshold that is met exactly, but never exceeded."""
    rows = np.array(list(itertools.product([0, 1], repeat=len(table).bit_length() - 1)))
    rarer = np.bincount(table, minlength=2).argmin()
    chosen = rows[table == rarer]
    W1, b1, w2 = (2 * chosen - 1).T, -chosen.sum(axis=1), np.ones(len(chosen))
    return (W1, b1, w2, -0.5) if rarer == 1 else (W1, b1, -w2, 0.5)


@wrong("q4-miniature", "q4-unseen")
def network_for(table):
    """The output asks for all hidden units (AND) instead of any (OR)."""
    rows = np.array(list(itertools.product([0, 1], repeat=len(table).bit_length() - 1)))
    chosen = rows[table == 1]
    return (2 * chosen - 1).T, 0.5 - chosen.sum(axis=1), np.ones(len(chosen)), 0.5 - len(chosen)


@wrong("q4-three", "q4-constant", "q4-unseen")
def network_for(table):
    """Writes down the lecture's XOR, which is not what was asked."""
    if table.tolist() == [1, 0, 0, 1]:
        return np.array([[-1, 1], [1, -1]]), np.array([-0.5, -0.5]), np.array([-1, -1]), 0.5
    return np.array([[-1, 1], [1, -1]]), np.array([-0.5, -0.5]), np.array([1, 1]), -0.5


@wrong("q4-constant", "q4-thrift")
def network_for(table):
    """Cannot do without a hidden unit: fails on a table of zeros."""
    d = len(table).bit_length() - 1
    rows = list(itertools.product([0, 1], repeat=d))
    units = [row for row, answer in zip(rows, table, strict=True) if answer == 1]
    W1 = np.stack([2 * np.array(row) - 1 for row in units], axis=1)
    return W1, np.array([0.5 - sum(row) for row in units]), np.ones(len(units)), -0.5


@wrong("q4-unseen", "q4-thrift")
def network_for(table):
    """Turns the table round for the rarer answer, but not the output."""
    rows = np.array(list(itertools.product([0, 1], repeat=len(table).bit_length() - 1)))
    if 2 * table.sum() > len(table):
        table = 1 - table
    chosen = rows[table == 1]
    return (2 * chosen - 1).T, 0.5 - chosen.sum(axis=1), np.ones(len(chosen)), -0.5


@wrong("q4-unseen")
def network_for(table):
    """Turns the table round in the array it was handed."""
    rows = np.array(list(itertools.product([0, 1], repeat=len(table).bit_length() - 1)))
    turned = 2 * table.sum() > len(table)
    if turned:
        table ^= 1
    chosen = rows[table == 1]
    W1, b1, w2 = (2 * chosen - 1).T, 0.5 - chosen.sum(axis=1), np.ones(len(chosen))
    return (W1, b1, -w2, 0.5) if turned else (W1, b1, w2, -0.5)


@right
def network_for(table):
    """Loops over the rows, thresholds of a third."""
    d = int(np.log2(len(table)))
    rarer = 1 if sum(table) <= len(table) / 2 else 0
    columns, biases = [], []
    for row, answer in zip(itertools.product([0, 1], repeat=d), table, strict=True):
        if answer == rarer:
            columns.append([1 if bit else -1 for bit in row])
            biases.append(1 / 3 - sum(row))
    W1 = np.array(columns, dtype=float).reshape(len(columns), d).T
    if rarer:
        return W1, np.array(biases), np.ones(len(columns)), -1 / 3
    return W1, np.array(biases), -np.ones(len(columns)), 1 / 3


@right
def network_for(table):
    """Large weights in float32, rows by counting in binary."""
    d = len(table).bit_length() - 1
    rows = (np.arange(len(table))[:, None] >> np.arange(d)[::-1]) & 1
    sign = 1 if table.mean() <= 0.5 else -1
    chosen = rows[table == (sign + 1) // 2]
    W1 = np.where(chosen == 1, 10, -10).T.astype(np.float32)
    b1 = (5 - 10 * chosen.sum(axis=1)).astype(np.float32)
    return W1, b1, np.full(len(chosen), 10 * sign, dtype=np.float32), -5.0 * sign


@right
def network_for(table):
    """Hidden units that say where the answer changes along the line of row numbers."""
    d = len(table).bit_length() - 1
    number = 2 ** np.arange(d)[::-1]  # row i has the evidence i
    change = np.diff(table)
    places = np.flatnonzero(change)
    if len(places) > 2 ** (d - 1):  # parity-like tables: the rule with the rarer answer is cheaper
        rows = np.array(list(itertools.product([0, 1], repeat=d)))
        chosen = rows[table == 1] if 2 * table.sum() <= len(table) else rows[table == 0]
        sign = 1 if 2 * table.sum() <= len(table) else -1
        return (2 * chosen - 1).T, 0.5 - chosen.sum(axis=1), np.full(len(chosen), sign), -0.5 * sign
    W1 = np.tile(number[:, None], len(places))
    return W1, -(places + 0.5), change[places], table[0] - 0.5


# Question 5: logistic_loss_and_gradient


@wrong("q5-miniature", "q5-unseen")
def logistic_loss_and_gradient(X, y, w, b):
    """Forgets the minus sign of the gradient."""
    margin = y * (X @ w + b)
    dz = y * np.exp(-np.logaddexp(0, margin)) / len(y)
    return np.logaddexp(0, -margin).mean(), X.T @ dz, dz.sum()


@wrong("q5-miniature", "q5-sides", "q5-unseen")
def logistic_loss_and_gradient(X, y, w, b):
    """Copies the lecture's formulas, made for labels of 0 and 1."""
    z = X @ w + b
    loss = np.mean(np.logaddexp(0, z) - y * z)
    error = (1 / (1 + np.exp(-np.clip(z, -500, 500))) - y) / len(y)
    return loss, X.T @ error, error.sum()


@wrong("q5-large")
def logistic_loss_and_gradient(X, y, w, b):
    """Types the formula as it stands: exp overflows."""
    margin = y * (X @ w + b)
    loss = np.log(1 + np.exp(-margin)).mean()
    dz = -y / (1 + np.exp(margin)) / len(y)
    return loss, X.T @ dz, dz.sum()


@wrong("q5-large")
def logistic_loss_and_gradient(X, y, w, b):
    """A stable loss, and a slope exp(-m) / (1 + exp(-m)) that is inf / inf at -1000."""
    margin = y * (X @ w + b)
    small = np.exp(-margin)
    dz = -y * small / (1 + small) / len(y)
    return np.logaddexp(0, -margin).mean(), X.T @ dz, dz.sum()


@wrong("q5-large")
def logistic_loss_and_gradient(X, y, w, b):
    """Minus the logarithm of the probability, which is 0 at -1000."""
    margin = y * (X @ w + b)
    small = np.exp(-np.abs(margin))
    p = np.where(margin > 0, 1 / (1 + small), small / (1 + small))
    dz = -y * (1 - p) / len(y)
    return -np.log(p).mean(), X.T @ dz, dz.sum()


@wrong("q5-large")
def logistic_loss_and_gradient(X, y, w, b):
    """Clips the evidence to ±30, which changes the loss of what is very wrong."""
    margin = np.clip(y * (X @ w + b), -30, 30)
    dz = -y / (1 + np.exp(margin)) / len(y)
    return np.log1p(np.exp(-margin)).mean(), X.T @ dz, dz.sum()


@wrong("q5-miniature", "q5-unseen")
def logistic_loss_and_gradient(X, y, w, b):
    """The mean for the loss, the sum for the gradient."""
    margin = y * (X @ w + b)
    dz = -y * np.exp(-np.logaddexp(0, margin))
    return np.logaddexp(0, -margin).mean(), X.T @ dz, dz.sum()


@wrong("q5-miniature", "q5-unseen")
def logistic_loss_and_gradient(X, y, w, b):
    """The sum for the loss, the mean for the gradient."""
    margin = y * (X @ w + b)
    dz = -y * np.exp(-np.logaddexp(0, margin)) / len(y)
    return np.logaddexp(0, -margin).sum(), X.T @ dz, dz.sum()


@wrong("q5-unseen")
def logistic_loss_and_gradient(X, y, w, b):
    """Divides by the number of all entries of X: right for one input only."""
    margin = y * (X @ w + b)
    dz = -y * np.exp(-np.logaddexp(0, margin)) / X.size
    return np.logaddexp(0, -margin).mean(), X.T @ dz, dz.sum()


@wrong("q5-sides", "q5-unseen")
def logistic_loss_and_gradient(X, y, w, b):
    """Forgets the factor y in the gradient."""
    margin = y * (X @ w + b)
    dz = -np.exp(-np.logaddexp(0, margin)) / len(y)
    return np.logaddexp(0, -margin).mean(), X.T @ dz, dz.sum()


@wrong("q5-sides", "q5-unseen")
def logistic_loss_and_gradient(X, y, w, b):
    """The sigmoid of y z instead of -y z: the right examples pull, the wrong ones rest."""
    margin = y * (X @ w + b)
    dz = -y * np.exp(-np.logaddexp(0, -margin)) / len(y)
    return np.logaddexp(0, -margin).mean(), X.T @ dz, dz.sum()


@wrong("q5-sides", "q5-unseen")
def logistic_loss_and_gradient(X, y, w, b):
    """Forgets the bias in the evidence."""
    margin = y * (X @ w)
    dz = -y * np.exp(-np.logaddexp(0, margin)) / len(y)
    return np.logaddexp(0, -margin).mean(), X.T @ dz, dz.sum()


@wrong("q5-large")
def logistic_loss_and_gradient(X, y, w, b):
    """Turns the labels into 0 and 1 in the array it was handed."""
    y += 1
    y //= 2
    z = X @ w + b
    small = np.exp(-np.abs(z))
    dz = (np.where(z >= 0, 1 / (1 + small), small / (1 + small)) - y) / len(y)
    return np.mean(np.logaddexp(0, z) - y * z), X.T @ dz, dz.sum()


@right
def logistic_loss_and_gradient(X, y, w, b):
    """Turns the labels into 0 and 1, in a copy, and uses the lecture's formulas."""
    t = (y + 1) / 2
    z = X @ w + b
    small = np.exp(-np.abs(z))
    p = np.where(z >= 0, 1 / (1 + small), small / (1 + small))
    return np.mean(np.logaddexp(0, z) - t * z), X.T @ (p - t) / len(y), np.mean(p - t)


@right
def logistic_loss_and_gradient(X, y, w, b):
    """A loop over the examples, with two cases for the sign."""
    loss, dw, db = 0.0, np.zeros(len(w)), 0.0
    for x_i, y_i in zip(X, y, strict=True):
        margin = float(y_i * (np.dot(w, x_i) + b))
        small = np.exp(-abs(margin))
        loss += np.log1p(small) + max(0.0, -margin)
        slope = -y_i * (small / (1 + small) if margin > 0 else 1 / (1 + small))
        dw, db = dw + slope * x_i, db + slope
    return loss / len(y), dw / len(y), db / len(y)


@right
def logistic_loss_and_gradient(X, y, w, b):
    """Asks PyTorch."""
    X, y = torch.tensor(X), torch.tensor(y)
    w, b = (
        torch.tensor(w, requires_grad=True),
        torch.tensor(float(b), dtype=torch.float64, requires_grad=True),
    )
    loss = torch.nn.functional.softplus(-y * (X @ w + b)).mean()
    loss.backward()
    return loss.item(), w.grad.numpy(), b.grad.item()


@right
def logistic_loss_and_gradient(X, y, w, b):
    """In float32."""
    X, w = X.astype(np.float32), w.astype(np.float32)
    margin = (y * (X @ w + np.float32(b))).astype(np.float32)
    dz = -y * np.exp(-np.logaddexp(np.float32(0), margin)) / np.float32(len(y))
    dz = dz.astype(np.float32)
    return np.logaddexp(np.float32(0), -margin).mean(), X.T @ dz, dz.sum()


EQUIVALENT = {
    "perceptron_fit: for x_i, y_i in zip(X, y, strict=True): → for x_i, y_i in zip(X, y, strict=False):": (
        "X and y are of one length"
    ),
    "is_separable: w, seen = (np.zeros(rows.shape[1], dtype=int), set()) → w, seen = (np.ones(rows.shape[1], "
    "dtype=int), set())": "the proof holds from any whole-number start",
    "is_separable: if row @ w <= 0: → if row @ w <= 1:": (
        "where a line exists, larger weights pass it with room to spare; where none does, the rule returns all the same"
    ),
}


EQUIVALENT = {
    "perceptron_fit: for x_i, y_i in zip(X, y, strict=True): → for x_i, y_i in zip(X, y, strict=False):": (
        "X and y always have the same length"
    ),
    "is_separable: w, seen = (np.zeros(rows.shape[1], dtype=int), set()) → w, seen = (np.ones(rows.shape[1], dtype=int), set())": (
        "the rule may start anywhere; the proof does not ask where"
    ),
    "is_separable: if row @ w <= 0: → if row @ w <= 1:": (
        "asking for a margin of 1 instead of 0 changes the weights, not whether a line exists"
    ),
}
