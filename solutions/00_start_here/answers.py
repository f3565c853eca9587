"""What students write for assignment 00: wrong answers that a check must catch, right ones that none may reject."""

import numpy as np

from course_lib.grading.trial import right, wrong

# Question 1: one_hot


@wrong("q1-columns", "q1-unseen")
def one_hot(labels, num_classes):
    """Makes as many columns as the labels seem to need."""
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError("no such class")
    return np.eye(labels.max() + 1)[labels]


@wrong("q1-errors")
def one_hot(labels, num_classes):
    """Trusts NumPy to complain: it does about labels that are too large, and with another error."""
    return np.eye(num_classes)[labels]


@wrong("q1-errors")
def one_hot(labels, num_classes):
    """Looks for labels that are too large, and forgets those below 0."""
    if np.any(labels >= num_classes):
        raise ValueError("no such class")
    encoded = np.zeros((len(labels), num_classes))
    encoded[np.arange(len(labels)), labels] = 1
    return encoded


@wrong("q1-errors")
def one_hot(labels, num_classes):
    """Compares every label with every class: a label that is none becomes a row of zeros."""
    return (labels[:, None] == np.arange(num_classes)).astype(float)


@wrong("q1-errors")
def one_hot(labels, num_classes):
    """Lets the label num_classes pass."""
    if np.any(labels < 0) or np.any(labels > num_classes):
        raise ValueError("no such class")
    return (labels[:, None] == np.arange(num_classes)).astype(float)


@wrong("q1-errors")
def one_hot(labels, num_classes):
    """Prints the complaint instead of raising it."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        print("ValueError: no such class")
    return (labels[:, None] == np.arange(num_classes)).astype(float)


@wrong("q1-miniature", "q1-unseen")
def one_hot(labels, num_classes):
    """Encodes in whole numbers."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    return np.eye(num_classes, dtype=int)[labels]


@wrong("q1-miniature", "q1-unseen")
def one_hot(labels, num_classes):
    """Encodes in booleans."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    return labels[:, None] == np.arange(num_classes)


@wrong("q1-miniature", "q1-columns")
def one_hot(labels, num_classes):
    """One row for each class, one column for each label."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    return np.eye(num_classes)[:, labels]


@wrong("q1-miniature", "q1-unseen")
def one_hot(labels, num_classes):
    """Sets whole columns: labels used as an index along all rows."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    encoded = np.zeros((len(labels), num_classes))
    encoded[:, labels] = 1
    return encoded


@wrong("q1-miniature", "q1-unseen")
def one_hot(labels, num_classes):
    """Counts classes from 1."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    return np.eye(num_classes)[labels - 1]


@wrong("q1-unseen")
def one_hot(labels, num_classes):
    """Asks for the smallest label without thinking of no labels at all."""
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError("no such class")
    return np.eye(num_classes)[labels]


@wrong("q1-untouched")
def one_hot(labels, num_classes):
    """Moves the labels to their place in a flat array, in place."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    encoded = np.zeros(len(labels) * num_classes)
    labels += num_classes * np.arange(len(labels), dtype=labels.dtype)
    encoded[labels] = 1
    return encoded.reshape(-1, num_classes)


@wrong("q1-untouched")
def one_hot(labels, num_classes, table={}):  # noqa: B006
    """Keeps one table for each shape and fills it again at every call."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    encoded = table.setdefault((len(labels), num_classes), np.zeros((len(labels), num_classes)))
    encoded[:] = 0
    encoded[np.arange(len(labels)), labels] = 1
    return encoded


@right
def one_hot(labels, num_classes):
    """Loops, with lists."""
    rows = []
    for label in labels:
        if label < 0 or label >= num_classes:
            raise ValueError(f"{label} is no class")
        row = [0.0] * num_classes
        row[label] = 1.0
        rows.append(row)
    return np.array(rows).reshape(len(labels), num_classes)


@right
def one_hot(labels, num_classes):
    """Rows of the unit matrix."""
    if not np.all((labels >= 0) & (labels < num_classes)):
        raise ValueError("no such class")
    return np.eye(num_classes)[labels]


@right
def one_hot(labels, num_classes):
    """A comparison, in float32."""
    if not set(labels.tolist()) <= set(range(num_classes)):
        raise ValueError("no such class")
    return (labels[:, None] == np.arange(num_classes)[None, :]).astype(np.float32)


@right
def one_hot(labels, num_classes):
    """PyTorch's function, with NumPy around it."""
    import torch

    if any(label not in range(num_classes) for label in labels.tolist()):
        raise ValueError("no such class")
    whole = torch.tensor(labels.astype(np.int64))
    return torch.nn.functional.one_hot(whole, num_classes).double().numpy()


# Question 2: stratified_split


@wrong("q2-sizes", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """The lecture's split: shuffles and cuts, whatever the classes are."""
    order = np.random.default_rng(seed).permutation(len(y))
    cut = round(share * len(y))
    test, train = order[:cut], order[cut:]
    return X[train], y[train], X[test], y[test]


@wrong("q2-partition", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """The two sets overlap: draws the training set from all examples."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        cut = round(share * len(members))
        test += rng.permutation(members)[:cut].tolist()
        train += rng.permutation(members)[cut:].tolist()
    return X[train], y[train], X[test], y[test]


@wrong("q2-partition", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Draws with replacement: some examples come twice, some never."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        cut = round(share * len(members))
        drawn = rng.choice(members, size=len(members))
        test += drawn[:cut].tolist()
        train += drawn[cut:].tolist()
    return X[train], y[train], X[test], y[test]


@wrong("q2-seed")
def stratified_split(X, y, seed, share=0.25):
    """Draws from NumPy's global generator and ignores the seed."""
    for_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        for_test[np.random.permutation(members)[: round(share * len(members))]] = True
    return X[~for_test], y[~for_test], X[for_test], y[for_test]


@wrong("q2-seed")
def stratified_split(X, y, seed, share=0.25):
    """Does not shuffle: takes the first of each class."""
    for_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        for_test[members[: round(share * len(members))]] = True
    return X[~for_test], y[~for_test], X[for_test], y[for_test]


@wrong("q2-seed")
def stratified_split(X, y, seed, share=0.25):
    """Seeds the generator with a favorite number."""
    rng = np.random.default_rng(42)
    for_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        for_test[rng.permutation(members)[: round(share * len(members))]] = True
    return X[~for_test], y[~for_test], X[for_test], y[for_test]


@wrong("q2-together", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Shuffles X and y apart."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        cut = round(share * len(members))
        test += members[:cut].tolist()
        train += members[cut:].tolist()
    return (
        X[rng.permutation(train)],
        y[rng.permutation(train)],
        X[rng.permutation(test)],
        y[rng.permutation(test)],
    )


@wrong("q2-sizes", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Exchanges training and test set."""
    rng = np.random.default_rng(seed)
    for_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        for_test[rng.permutation(members)[: round(share * len(members))]] = True
    return X[for_test], y[for_test], X[~for_test], y[~for_test]


@wrong("q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Cuts with int, which rounds down."""
    rng = np.random.default_rng(seed)
    for_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        for_test[rng.permutation(members)[: int(share * len(members))]] = True
    return X[~for_test], y[~for_test], X[for_test], y[for_test]


@wrong("q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Goes through the classes 0 … max, which are not the names of all classes."""
    rng = np.random.default_rng(seed)
    for_test = np.zeros(len(y), dtype=bool)
    for label in range(y.max() + 1):
        members = np.flatnonzero(y == label)
        for_test[rng.permutation(members)[: round(share * len(members))]] = True
    return X[~for_test], y[~for_test], X[for_test], y[for_test]


@wrong("q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Ignores the share it is given."""
    rng = np.random.default_rng(seed)
    for_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        for_test[rng.permutation(members)[: round(0.25 * len(members))]] = True
    return X[~for_test], y[~for_test], X[for_test], y[for_test]


@wrong("q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Shuffles the data in place first."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    X[:], y[:] = X[order], y[order]
    for_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        for_test[members[: round(share * len(members))]] = True
    return X[~for_test], y[~for_test], X[for_test], y[for_test]


@right
def stratified_split(X, y, seed, share=0.25):
    """Lists of places, class by class, the order not mixed again."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in sorted(set(y.tolist())):
        members = [i for i in range(len(y)) if y[i] == label]
        rng.shuffle(members)
        cut = round(share * len(members))
        test, train = test + members[:cut], train + members[cut:]
    train, test = np.array(train, dtype=int), np.array(test, dtype=int)
    return X[train], y[train], X[test], y[test]


@right
def stratified_split(X, y, seed, share=0.25):
    """Shuffles once, then takes the first of each class in that order."""
    order = np.random.default_rng(seed).permutation(len(y))
    X, y = X[order], y[order]
    rank = np.zeros(len(y), dtype=int)
    limit = np.zeros(len(y), dtype=int)
    for label in np.unique(y):
        same = y == label
        rank[same], limit[same] = np.arange(same.sum()), round(share * int(same.sum()))
    test = rank < limit
    return X[~test], y[~test], X[test], y[test]


@right
def stratified_split(X, y, seed, share=0.25):
    """Chooses without replacement, and removes what was chosen."""
    rng = np.random.default_rng(seed)
    names, counts = np.unique(y, return_counts=True)
    chosen = [
        rng.choice(np.flatnonzero(y == name), size=round(share * count), replace=False)
        for name, count in zip(names, counts.tolist(), strict=True)
    ]
    test = np.concatenate(chosen).astype(int)
    return np.delete(X, test, axis=0), np.delete(y, test), X[test], y[test]


# Question 3: top_k_error


@wrong("q3-miniature", "q3-unseen")
def top_k_error(scores, y, k):
    """Sorts ascending and takes the first: the k lowest scores."""
    best = np.argsort(scores, axis=1)[:, :k]
    return float(1 - (best == y[:, None]).any(axis=1).mean())


@wrong("q3-miniature", "q3-ends", "q3-unseen")
def top_k_error(scores, y, k):
    """Returns the accuracy."""
    best = np.argsort(scores, axis=1)[:, -k:]
    return float((best == y[:, None]).any(axis=1).mean())


@wrong("q3-miniature", "q3-unseen")
def top_k_error(scores, y, k):
    """Counts the mistakes and forgets to divide."""
    best = np.argsort(scores, axis=1)[:, -k:]
    return float((~(best == y[:, None]).any(axis=1)).sum())


@wrong("q3-miniature", "q3-ends", "q3-unseen")
def top_k_error(scores, y, k):
    """Looks at the k-th best class only."""
    kth = np.argsort(scores, axis=1)[:, -k]
    return float((kth != y).mean())


@wrong("q3-ends", "q3-unseen")
def top_k_error(scores, y, k):
    """Ignores k."""
    return float((scores.argmax(axis=1) != y).mean())


@wrong("q3-miniature", "q3-unseen")
def top_k_error(scores, y, k):
    """Sorts the examples instead of the classes."""
    best = np.argsort(scores, axis=0)[:, -k:]
    return float(1 - (best == y[:, None]).any(axis=1).mean())


@wrong("q3-miniature", "q3-unseen")
def top_k_error(scores, y, k):
    """Sorts the scores and compares them with the class: argsort was meant."""
    best = np.sort(scores, axis=1)[:, -k:]
    return float(1 - (best == y[:, None]).any(axis=1).mean())


@wrong("q3-miniature", "q3-ends", "q3-unseen")
def top_k_error(scores, y, k):
    """Divides the mistakes by n times k."""
    best = np.argsort(scores, axis=1)[:, -k:]
    return float(1 - (best == y[:, None]).mean())


@wrong("q3-miniature", "q3-unseen")
def top_k_error(scores, y, k):
    """One too few: k - 1 classes may be better, it allows k."""
    own = scores[np.arange(len(y)), y][:, None]
    return float(((scores > own).sum(axis=1) > k).mean())


@wrong("q3-ends", "q3-unseen")
def top_k_error(scores, y, k):
    """Looks among the worst classes, and takes one too many of them."""
    worst = np.argsort(scores, axis=1)[:, : scores.shape[1] - k + 1]
    return float((worst == y[:, None]).any(axis=1).mean())


@wrong("q3-untouched")
def top_k_error(scores, y, k):
    """Takes the best score out k times, in place."""
    hit = np.zeros(len(y), dtype=bool)
    rows = np.arange(len(y))
    for _ in range(k):
        best = scores.argmax(axis=1)
        hit |= best == y
        scores[rows, best] = -np.inf
    return float(1 - hit.mean())


@wrong("q3-untouched")
def top_k_error(scores, y, k):
    """Negates the scores in place, to sort descending."""
    scores *= -1
    best = scores.argsort(axis=1)[:, :k]
    return float(1 - (best == y[:, None]).any(axis=1).mean())


@right
def top_k_error(scores, y, k):
    """Counts the classes with higher scores."""
    own = np.take_along_axis(scores, y[:, None], axis=1)
    return np.mean((scores > own).sum(axis=1) >= k)


@right
def top_k_error(scores, y, k):
    """A loop with sorted."""
    wrong = 0
    for row, label in zip(scores.tolist(), y.tolist(), strict=True):
        best = sorted(range(len(row)), key=lambda c, row=row: row[c], reverse=True)[:k]
        wrong += label not in best
    return wrong / len(y)


@right
def top_k_error(scores, y, k):
    """PyTorch's topk, in float32."""
    import torch

    best = torch.tensor(scores).topk(k, dim=1).indices
    hit = (best == torch.tensor(y)[:, None]).any(dim=1)
    return 1 - hit.float().mean().item()


@right
def top_k_error(scores, y, k):
    """Negates a copy and sorts."""
    best = (-scores).argsort(axis=1)[:, :k]
    return sum(y[i] not in best[i] for i in range(len(y))) / len(y)


# Question 4: standardize


@wrong("q4-miniature", "q4-unseen")
def standardize(train, other):
    """Gives the other set its own mean and standard deviation."""

    def own(X):
        sd = X.std(axis=0)
        return (X - X.mean(axis=0)) / np.where(sd == 0, 1.0, sd)

    return own(train), own(other)


@wrong("q4-miniature", "q4-unseen")
def standardize(train, other):
    """Takes the statistics of both sets together: the test set leaks."""
    both = np.concatenate([train, other])
    mean, sd = both.mean(axis=0), both.std(axis=0)
    sd = np.where(sd == 0, 1.0, sd)
    return (train - mean) / sd, (other - mean) / sd


@wrong("q4-columns", "q4-unseen")
def standardize(train, other):
    """One mean and one standard deviation for the whole table."""
    mean, sd = train.mean(), train.std()
    return (train - mean) / sd, (other - mean) / sd


@wrong("q4-miniature", "q4-columns")
def standardize(train, other):
    """Each row by itself."""
    mean, sd = train.mean(axis=1, keepdims=True), train.std(axis=1, keepdims=True)
    sd = np.where(sd == 0, 1.0, sd)
    return (train - mean) / sd, (other - mean[: len(other)]) / sd[: len(other)]


@wrong("q4-constant", "q4-unseen")
def standardize(train, other):
    """Divides by zero where a column is constant."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / sd, (other - mean) / sd


@wrong("q4-unseen")
def standardize(train, other):
    """Adds a tiny number to σ: a new value in a constant column explodes."""
    mean, sd = train.mean(axis=0), train.std(axis=0) + 1e-12
    return (train - mean) / sd, (other - mean) / sd


@wrong("q4-unseen")
def standardize(train, other):
    """Sets constant columns to 0 in both sets."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    scale = np.where(sd == 0, 0.0, 1 / np.where(sd == 0, 1.0, sd))
    return (train - mean) * scale, (other - mean) * scale


@wrong("q4-miniature", "q4-columns", "q4-unseen")
def standardize(train, other):
    """Divides by the variance."""
    mean, variance = train.mean(axis=0), train.var(axis=0)
    variance = np.where(variance == 0, 1.0, variance)
    return (train - mean) / variance, (other - mean) / variance


@wrong("q4-miniature", "q4-columns", "q4-unseen")
def standardize(train, other):
    """The standard deviation of statistics books, with n - 1."""
    mean, sd = train.mean(axis=0), train.std(axis=0, ddof=1)
    sd = np.where(sd == 0, 1.0, sd)
    return (train - mean) / sd, (other - mean) / sd


@wrong("q4-miniature", "q4-columns", "q4-unseen")
def standardize(train, other):
    """Divides and forgets to subtract."""
    sd = train.std(axis=0)
    sd = np.where(sd == 0, 1.0, sd)
    return train / sd, other / sd


@wrong("q4-miniature", "q4-columns")
def standardize(train, other):
    """Scales to the range from 0 to 1."""
    low, high = train.min(axis=0), train.max(axis=0)
    width = np.where(high == low, 1, high - low)
    return (train - low) / width, (other - low) / width


@wrong("q4-untouched")
def standardize(train, other):
    """Works in place."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    sd = np.where(sd == 0, 1.0, sd)
    train -= mean
    train /= sd
    other -= mean
    other /= sd
    return train, other


@wrong("q4-untouched")
def standardize(train, other):
    """Standardizes the training set, and only the other one in place."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    sd = np.where(sd == 0, 1.0, sd)
    scaled = (train - mean) / sd
    other[:] = (other - mean) / sd
    return scaled, other


@right
def standardize(train, other):
    """Loops over the columns."""
    new_train, new_other = np.empty(train.shape), np.empty(other.shape)
    for j in range(train.shape[1]):
        mean = np.mean(train[:, j])
        sd = np.sqrt(np.mean((train[:, j] - mean) ** 2))
        if sd == 0:
            sd = 1
        new_train[:, j], new_other[:, j] = (train[:, j] - mean) / sd, (other[:, j] - mean) / sd
    return new_train, new_other


@right
def standardize(train, other):
    """Works in place on copies, and takes a deviation that is a rounding error for 0."""
    train, other = np.array(train, dtype=float), np.array(other, dtype=float)
    mean, sd = train.mean(axis=0), train.std(axis=0)
    sd[sd <= 1e-12 * np.abs(mean)] = 1
    train -= mean
    other -= mean
    train /= sd
    other /= sd
    return train, other


@wrong("q4-constant")
def standardize(train, other):
    """Asks whether σ is exactly 0, which it is not for ten times 0.1."""
    train, other = train.astype(float), other.astype(float)
    mean, sd = train.mean(axis=0), train.std(axis=0)
    sd[sd == 0] = 1
    for X in (train, other):
        X -= mean
        X /= sd
    return train, other


@right
def standardize(train, other):
    """The library's scaler."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train.astype(float))
    return scaler.transform(train.astype(float)), scaler.transform(other.astype(float))


# Question 5: classify


@wrong("q5-digits", "q5-unseen")
def classify(X_train, y_train, X):
    """Guesses the most frequent class."""
    names, counts = np.unique(y_train, return_counts=True)
    return np.full(len(X), names[counts.argmax()])


@wrong("q5-groups", "q5-digits")
def classify(X_train, y_train, X):
    """Returns the place of the nearest image, not its label."""
    return ((X[:, None] - X_train[None]) ** 2).sum(axis=2).argmin(axis=1)


@wrong("q5-groups")
def classify(X_train, y_train, X):
    """Returns the place of the nearest mean in the list of classes: right only if they are 0, 1, 2, …"""
    names = np.unique(y_train)
    means = np.stack([X_train[y_train == name].mean(axis=0) for name in names])
    return ((X[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)


@wrong("q5-groups", "q5-digits", "q5-unseen")
def classify(X_train, y_train, X):
    """The farthest instead of the nearest."""
    return y_train[((X[:, None] - X_train[None]) ** 2).sum(axis=2).argmax(axis=1)]


@wrong("q5-unseen")
def classify(X_train, y_train, X):
    """The nearest mean, not improved on."""
    names = np.unique(y_train)
    means = np.stack([X_train[y_train == name].mean(axis=0) for name in names])
    return names[((X[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)]


@wrong("q5-groups")
def classify(X_train, y_train, X):
    """Assumes ten classes: with two, the mean of an empty class is NaN, and argmin chooses it."""
    means = np.stack([X_train[y_train == c].mean(axis=0) for c in range(10)])
    return ((X[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)


@wrong("q5-digits")
def classify(X_train, y_train, X):
    """Compares the amount of ink only."""
    ink = X.sum(axis=1)[:, None] - X_train.sum(axis=1)[None]
    return y_train[np.abs(ink).argmin(axis=1)]


@wrong("q5-alone")
def classify(X_train, y_train, X):
    """Standardizes the new images with their own mean: an image alone becomes all zeros."""
    sd, own_sd = X_train.std(axis=0), X.std(axis=0)
    A = (X_train - X_train.mean(axis=0)) / np.where(sd == 0, 1, sd)
    B = (X - X.mean(axis=0)) / np.where(own_sd == 0, 1, own_sd)
    return y_train[((B[:, None] - A[None]) ** 2).sum(axis=2).argmin(axis=1)]


@wrong("q5-alone")
def classify(X_train, y_train, X):
    """Subtracts the mean in place."""
    mean = X_train.mean(axis=0)
    X_train -= mean
    X -= mean
    return y_train[((X[:, None] - X_train[None]) ** 2).sum(axis=2).argmin(axis=1)]


@wrong("q5-unseen")
def classify(X_train, y_train, X):
    """Returns a column."""
    nearest = ((X[:, None] - X_train[None]) ** 2).sum(axis=2).argmin(axis=1)
    return y_train[nearest][:, None]


@right
def classify(X_train, y_train, X):
    """The nearest image, in a loop."""
    answers = []
    for x in X:
        answers.append(y_train[((X_train - x) ** 2).sum(axis=1).argmin()])
    return np.array(answers)


@right
def classify(X_train, y_train, X):
    """Five neighbors, the nearer ones with more weight."""
    squared = ((X[:, None] - X_train[None]) ** 2).sum(axis=2)
    nearest = np.argsort(squared, axis=1)[:, :5]
    weight = 1 / (1e-9 + np.take_along_axis(squared, nearest, axis=1))
    names = np.unique(y_train)
    votes = np.stack([(weight * (y_train[nearest] == name)).sum(axis=1) for name in names], axis=1)
    return names[votes.argmax(axis=1)]


@right
def classify(X_train, y_train, X):
    """A library's support vector machine, which teaches nothing and is right."""
    from sklearn.svm import SVC

    return SVC(C=10).fit(X_train, y_train).predict(X)


@right
def classify(X_train, y_train, X):
    """The nearest image, cosine instead of distance, of centered images."""
    mean = X_train.mean(axis=0)
    A, B = X_train - mean, X - mean
    A = A / np.linalg.norm(A, axis=1, keepdims=True)
    B = B / np.linalg.norm(B, axis=1, keepdims=True)
    return y_train[(B @ A.T).argmax(axis=1)]
