"""What students write for assignment 00: wrong answers that a check must catch, right ones that none may reject."""

import numpy as np

from course_lib.grading.trial import right, wrong

# Question 1: one_hot


@wrong("q1-columns")
def one_hot(labels, num_classes):
    """Makes as many columns as the labels seem to need."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    return np.eye(labels.max() + 1)[labels]


@wrong("q1-errors")
def one_hot(labels, num_classes):
    """Leaves it to NumPy to complain: an IndexError above, nothing at all below 0."""
    return np.eye(num_classes)[labels]


@wrong("q1-errors")
def one_hot(labels, num_classes):
    """Looks for labels that are too large only; NumPy takes -1 for the last class."""
    if np.any(labels >= num_classes):
        raise ValueError("no such class")
    return np.eye(num_classes)[labels]


@wrong("q1-errors")
def one_hot(labels, num_classes):
    """Raises an AssertionError where a ValueError was due."""
    assert np.all((labels >= 0) & (labels < num_classes))
    return np.eye(num_classes)[labels]


@wrong("q1-miniature", "q1-unseen")
def one_hot(labels, num_classes):
    """Counts the classes from one."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    encoded = np.zeros((len(labels), num_classes))
    encoded[np.arange(len(labels)), labels - 1] = 1
    return encoded


@wrong("q1-miniature")
def one_hot(labels, num_classes):
    """Puts the examples into columns."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    return np.eye(num_classes)[labels].T


@wrong("q1-miniature", "q1-unseen")
def one_hot(labels, num_classes):
    """Sets the columns of all labels in every row."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    encoded = np.zeros((len(labels), num_classes))
    encoded[:, labels] = 1
    return encoded


@wrong("q1-miniature")
def one_hot(labels, num_classes):
    """Returns truth values instead of numbers."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    return labels[:, None] == np.arange(num_classes)


@wrong("q1-unseen")
def one_hot(labels, num_classes):
    """Looks at the largest label, and stumbles when there is none."""
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError("no such class")
    return np.eye(num_classes)[labels]


@wrong("q1-untouched")
def one_hot(labels, num_classes):
    """Uses the labels' own memory to count down."""
    if np.any(labels < 0) or np.any(labels >= num_classes):
        raise ValueError("no such class")
    encoded = np.zeros((len(labels), num_classes))
    for row in range(len(labels)):
        encoded[row, labels[row]] = 1
        labels[row] = 0
    return encoded


@right
def one_hot(labels, num_classes):
    """Compares with every class."""
    if len(labels) and not (labels.min() >= 0 and labels.max() < num_classes):
        raise ValueError("no such class")
    return (labels[:, None] == np.arange(num_classes)).astype(float)


@right
def one_hot(labels, num_classes):
    """Loops over the examples."""
    encoded = np.zeros((len(labels), num_classes))
    for row, label in enumerate(labels):
        if not 0 <= label < num_classes:
            raise ValueError(f"there is no class {label}")
        encoded[row, int(label)] = 1.0
    return encoded


@right
def one_hot(labels, num_classes):
    """Picks rows of the identity matrix, in float32."""
    if ((labels < 0) | (labels >= num_classes)).any():
        raise ValueError("no such class")
    return np.eye(num_classes, dtype=np.float32)[labels]


@right
def one_hot(labels, num_classes):
    """Lets PyTorch do it."""
    import torch

    labels = torch.tensor(labels.astype(np.int64))
    if (labels < 0).any() or (labels >= num_classes).any():
        raise ValueError("no such class")
    return torch.nn.functional.one_hot(labels, num_classes).double().numpy()


# Question 2: stratified_split


@wrong("q2-sizes", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Shuffles and cuts as the lecture does, without a look at the classes."""
    order = np.random.default_rng(seed).permutation(len(y))
    cut = round(share * len(y))
    test, train = order[:cut], order[cut:]
    return X[train], y[train], X[test], y[test]


@wrong("q2-partition", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Draws with replacement: some twice."""
    rng = np.random.default_rng(seed)
    chosen = [rng.choice(np.flatnonzero(y == c), round(share * (y == c).sum())) for c in np.unique(y)]
    test = np.concatenate(chosen)
    train = np.setdiff1d(np.arange(len(y)), test)
    return X[train], y[train], X[test], y[test]


@wrong("q2-partition", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Trains on everything, the test set included."""
    rng = np.random.default_rng(seed)
    test = np.concatenate(
        [rng.permutation(np.flatnonzero(y == c))[: round(share * (y == c).sum())] for c in np.unique(y)]
    )
    return X, y, X[test], y[test]


@wrong("q2-seed")
def stratified_split(X, y, seed, share=0.25):
    """Shuffles without the seed."""
    rng = np.random.default_rng()
    test = np.zeros(len(y), dtype=bool)
    for c in np.unique(y):
        members = np.flatnonzero(y == c)
        test[rng.permutation(members)[: round(share * len(members))]] = True
    return X[~test], y[~test], X[test], y[test]


@wrong("q2-seed")
def stratified_split(X, y, seed, share=0.25):
    """Takes the first of each class, and calls it chance."""
    test = np.zeros(len(y), dtype=bool)
    for c in np.unique(y):
        members = np.flatnonzero(y == c)
        test[members[: round(share * len(members))]] = True
    return X[~test], y[~test], X[test], y[test]


@wrong("q2-seed")
def stratified_split(X, y, seed, share=0.25):
    """Makes a generator and then draws from NumPy's global one."""
    rng = np.random.default_rng(seed)  # noqa: F841
    test = np.zeros(len(y), dtype=bool)
    for c in np.unique(y):
        members = np.random.permutation(np.flatnonzero(y == c))
        test[members[: round(share * len(members))]] = True
    return X[~test], y[~test], X[test], y[test]


@wrong("q2-together", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Shuffles X and y one after the other, each in its own order."""
    rng = np.random.default_rng(seed)
    X, y = rng.permutation(X), rng.permutation(y)
    test = np.zeros(len(y), dtype=bool)
    for c in np.unique(y):
        members = np.flatnonzero(y == c)
        test[members[: round(share * len(members))]] = True
    return X[~test], y[~test], X[test], y[test]


@wrong("q2-sizes", "q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Returns the test set first."""
    rng = np.random.default_rng(seed)
    test = np.zeros(len(y), dtype=bool)
    for c in np.unique(y):
        members = np.flatnonzero(y == c)
        test[rng.permutation(members)[: round(share * len(members))]] = True
    return X[test], y[test], X[~test], y[~test]


@wrong("q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Takes the classes to be 0, 1, 2 …"""
    rng = np.random.default_rng(seed)
    test = np.zeros(len(y), dtype=bool)
    for c in range(y.max() + 1):
        members = np.flatnonzero(y == c)
        test[rng.permutation(members)[: round(share * len(members))]] = True
    return X[~test], y[~test], X[test], y[test]


@wrong("q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Shuffles the arrays it was given, in place."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    X[:], y[:] = X[order], y[order]
    test = np.zeros(len(y), dtype=bool)
    for c in np.unique(y):
        members = np.flatnonzero(y == c)
        test[members[: round(share * len(members))]] = True
    return X[~test], y[~test], X[test], y[test]


@wrong("q2-unseen")
def stratified_split(X, y, seed, share=0.25):
    """Has the share 0.25 written into the code."""
    rng = np.random.default_rng(seed)
    test = np.zeros(len(y), dtype=bool)
    for c in np.unique(y):
        members = np.flatnonzero(y == c)
        test[rng.permutation(members)[: round(0.25 * len(members))]] = True
    return X[~test], y[~test], X[test], y[test]


@right
def stratified_split(X, y, seed, share=0.25):
    """Collects lists of places."""
    rng, train, test = np.random.default_rng(seed), [], []
    for c in sorted(set(y.tolist())):
        members = [i for i in range(len(y)) if y[i] == c]
        rng.shuffle(members)
        cut = round(share * len(members))
        test += members[:cut]
        train += members[cut:]
    return X[train], y[train], X[test], y[test]


@right
def stratified_split(X, y, seed, share=0.25):
    """Shuffles once, then takes the first of each class; the sets come out shuffled."""
    order = np.random.default_rng(seed).permutation(len(y))
    test = []
    for c in np.unique(y):
        members = order[y[order] == c]
        test.extend(members[: round(share * len(members))])
    train = [i for i in order if i not in set(test)]
    return X[train], y[train], X[test], y[test]


@right
def stratified_split(X, y, seed, share=0.25):
    """Draws without replacement."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.choice(np.flatnonzero(y == c), size=round(share * np.count_nonzero(y == c)), replace=False)
        for c in np.unique(y)
    ]
    test = np.concatenate(chosen)
    train = np.setdiff1d(np.arange(len(y)), test)
    return X[train], y[train], X[test], y[test]


# Question 3: top_k_error


@wrong("q3-miniature", "q3-ends", "q3-unseen")
def top_k_error(scores, y, k):
    """Sorts upwards and takes the first k: the lowest scores."""
    best = np.argsort(scores, axis=1)[:, :k]
    return float(1 - (best == y[:, None]).any(axis=1).mean())


@wrong("q3-miniature", "q3-ends", "q3-unseen")
def top_k_error(scores, y, k):
    """Returns the share of right answers."""
    best = np.argsort(scores, axis=1)[:, -k:]
    return float((best == y[:, None]).any(axis=1).mean())


@wrong("q3-miniature", "q3-unseen")
def top_k_error(scores, y, k):
    """Looks at the k-th best class only."""
    return float((np.argsort(scores, axis=1)[:, -k] != y).mean())


@wrong("q3-miniature", "q3-unseen")
def top_k_error(scores, y, k):
    """Ignores k."""
    return float((scores.argmax(axis=1) != y).mean())


@wrong("q3-miniature", "q3-unseen")
def top_k_error(scores, y, k):
    """Returns the number of errors instead of their share."""
    best = np.argsort(scores, axis=1)[:, -k:]
    return float((~(best == y[:, None]).any(axis=1)).sum())


@wrong("q3-miniature", "q3-unseen")
def top_k_error(scores, y, k):
    """Divides by the number of classes."""
    best = np.argsort(scores, axis=1)[:, -k:]
    return float((~(best == y[:, None]).any(axis=1)).sum() / scores.shape[1])


@wrong("q3-unseen")
def top_k_error(scores, y, k):
    """Sorts the columns: right by chance where there is one example."""
    best = np.argsort(scores, axis=0)[-k:]
    return float(1 - np.isin(y, best).mean())


@wrong("q3-untouched")
def top_k_error(scores, y, k):
    """Strikes out the best score k times, in the array it was given."""
    hit = np.zeros(len(y), dtype=bool)
    for _ in range(k):
        best = scores.argmax(axis=1)
        hit |= best == y
        scores[np.arange(len(y)), best] = -np.inf
    return float(1 - hit.mean())


@wrong("q3-untouched")
def top_k_error(scores, y, k):
    """Takes the scores' memory row by row, whatever order it has."""
    flat = np.ravel(scores, order="K").reshape(scores.shape)
    best = np.argsort(flat, axis=1)[:, -k:]
    return float(1 - (best == y[:, None]).any(axis=1).mean())


@right
def top_k_error(scores, y, k):
    """Counts the classes with a higher score."""
    true = np.take_along_axis(scores, y[:, None], axis=1)
    return float(((scores > true).sum(axis=1) >= k).mean())


@right
def top_k_error(scores, y, k):
    """Loops, with Python's own sort."""
    errors = 0
    for row, label in zip(scores.tolist(), y.tolist(), strict=True):
        best = sorted(range(len(row)), key=lambda c: row[c], reverse=True)[:k]
        errors += label not in best
    return errors / len(y)


@right
def top_k_error(scores, y, k):
    """Sorts the negative scores, returns a NumPy number."""
    best = np.argsort(-scores, axis=1)[:, :k]
    return np.mean([label not in row for label, row in zip(y, best, strict=True)])


@right
def top_k_error(scores, y, k):
    """Lets PyTorch find the k best."""
    import torch

    best = torch.tensor(np.ascontiguousarray(scores)).topk(k, dim=1).indices
    return 1 - (best == torch.tensor(y)[:, None]).any(dim=1).double().mean().item()


# Question 4: standardise


@wrong("q4-miniature", "q4-unseen")
def standardise(train, other):
    """Standardizes the other set with its own statistics."""

    def scaled(X):
        sd = X.std(axis=0)
        return (X - X.mean(axis=0)) / np.where(sd == 0, 1, sd)

    return scaled(train), scaled(other)


@wrong("q4-miniature", "q4-unseen")
def standardise(train, other):
    """Takes the statistics of both sets together."""
    both = np.concatenate([train, other])
    mean, sd = both.mean(axis=0), both.std(axis=0)
    sd = np.where(sd == 0, 1, sd)
    return (train - mean) / sd, (other - mean) / sd


@wrong("q4-constant", "q4-unseen")
def standardise(train, other):
    """Divides by zero."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    with np.errstate(all="ignore"):
        return (train - mean) / sd, (other - mean) / sd


@wrong("q4-unseen")
def standardise(train, other):
    """Divides by almost zero: 0 stays 0 in the training set, and a test value becomes enormous."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / (sd + 1e-8), (other - mean) / (sd + 1e-8)


@wrong("q4-unseen")
def standardise(train, other):
    """Replaces NaN afterwards; a test value becomes infinite."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    with np.errstate(all="ignore"):
        return np.nan_to_num((train - mean) / sd), np.nan_to_num((other - mean) / sd)


@wrong("q4-columns", "q4-unseen")
def standardise(train, other):
    """Takes one mean and one deviation for the whole table."""
    sd = train.std() or 1.0
    return (train - train.mean()) / sd, (other - train.mean()) / sd


@wrong("q4-columns")
def standardise(train, other):
    """Scales each example instead of each column."""

    def scaled(X):
        sd = X.std(axis=1, keepdims=True)
        return (X - X.mean(axis=1, keepdims=True)) / np.where(sd == 0, 1, sd)

    return scaled(train), scaled(other)


@wrong("q4-miniature", "q4-columns")
def standardise(train, other):
    """Divides by the variance."""
    mean, variance = train.mean(axis=0), train.var(axis=0)
    variance = np.where(variance == 0, 1, variance)
    return (train - mean) / variance, (other - mean) / variance


@wrong("q4-miniature", "q4-columns")
def standardise(train, other):
    """Estimates the deviation with n - 1."""
    mean, sd = train.mean(axis=0), train.std(axis=0, ddof=1)
    sd = np.where(sd == 0, 1, sd)
    return (train - mean) / sd, (other - mean) / sd


@wrong("q4-untouched")
def standardise(train, other):
    """Works in place."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    sd[sd == 0] = 1
    if train.dtype.kind != "f":
        train, other = train.astype(float), other.astype(float)
    train -= mean
    train /= sd
    other -= mean
    other /= sd
    return train, other


@wrong("q4-unseen")
def standardise(train, other):
    """Works on copies that keep the dtype of the pixels."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    sd[sd == 0] = 1
    train, other = train.copy(), other.copy()
    train[:], other[:] = (train - mean) / sd, (other - mean) / sd
    return train, other


@right
def standardise(train, other):
    """Sets the deviation where it is zero."""
    mu, sigma = np.mean(train, axis=0), np.std(train, axis=0)
    sigma[sigma == 0] = 1
    return (train - mu) / sigma, (other - mu) / sigma


@right
def standardise(train, other):
    """Goes column by column."""
    train, other = train.astype(float), other.astype(float)
    for j in range(train.shape[1]):
        mu, sigma = train[:, j].mean(), train[:, j].std()
        sigma = sigma if sigma > 0 else 1
        train[:, j], other[:, j] = (train[:, j] - mu) / sigma, (other[:, j] - mu) / sigma
    return train, other


@right
def standardise(train, other):
    """Borrows scikit-learn's scaler."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train.astype(float))
    return scaler.transform(train.astype(float)), scaler.transform(other.astype(float))


# Question 5: classify


@wrong("q5-unseen")
def classify(X_train, y_train, X):
    """Chooses the nearest class average: fine for a start."""
    classes = np.unique(y_train)
    centers = np.stack([X_train[y_train == c].mean(axis=0) for c in classes])
    return classes[((X[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)]


@wrong("q5-groups", "q5-digits")
def classify(X_train, y_train, X):
    """Answers with the class that is most frequent."""
    return np.full(len(X), np.bincount(y_train).argmax())


@wrong("q5-groups", "q5-digits")
def classify(X_train, y_train, X):
    """Returns which training example is nearest, not its label."""
    return ((X[:, None] - X_train) ** 2).sum(axis=2).argmin(axis=1)


@wrong("q5-groups")
def classify(X_train, y_train, X):
    """Returns the place of the class in the list of classes: right as long as they are 0, 1, 2 …"""
    classes = np.unique(y_train)
    nearest = y_train[((X[:, None] - X_train) ** 2).sum(axis=2).argmin(axis=1)]
    return np.searchsorted(classes, nearest)


@wrong("q5-digits", "q5-unseen")
def classify(X_train, y_train, X):
    """Takes the farthest neighbor."""
    return y_train[((X[:, None] - X_train) ** 2).sum(axis=2).argmax(axis=1)]


@wrong("q5-alone")
def classify(X_train, y_train, X):
    """Standardizes the new examples with their own mean: an image alone becomes all zeros."""
    train, new = X_train - X_train.mean(axis=0), X - X.mean(axis=0)
    return y_train[((new[:, None] - train) ** 2).sum(axis=2).argmin(axis=1)]


@wrong("q5-alone")
def classify(X_train, y_train, X):
    """Centers the images in place."""
    mean = X_train.mean(axis=0)
    X_train -= mean
    X -= mean
    return y_train[((X[:, None] - X_train) ** 2).sum(axis=2).argmin(axis=1)]


@wrong("q5-unseen", "q5-alone")
def classify(X_train, y_train, X):
    """Squeezes the answer, and chooses the nearest average."""
    classes = np.unique(y_train)
    centers = np.stack([X_train[y_train == c].mean(axis=0) for c in classes])
    return np.squeeze(classes[((X[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)])


@right
def classify(X_train, y_train, X):
    """Finds the nearest neighbor in a loop."""
    return np.array([y_train[((X_train - x) ** 2).sum(axis=1).argmin()] for x in X])


@right
def classify(X_train, y_train, X):
    """Lets seven neighbors vote, nearer ones more."""
    answers = []
    for x in X:
        distance = np.sqrt(((X_train - x) ** 2).sum(axis=1))
        near = np.argsort(distance)[:7]
        votes = {}
        for i in near:
            votes[int(y_train[i])] = votes.get(int(y_train[i]), 0) + 1 / (distance[i] + 1e-9)
        answers.append(max(votes, key=votes.get))
    return np.array(answers)


@right
def classify(X_train, y_train, X):
    """Fits a quadratic surface to the one-hot labels, with a little ridge: no neighbors at all."""
    classes, mean = np.unique(y_train), X_train.mean(axis=0)

    def kernel(A, B):
        return (1 + (A - mean) @ (B - mean).T) ** 3

    targets = (y_train[:, None] == classes).astype(float)
    weights = np.linalg.solve(kernel(X_train, X_train) + 0.1 * np.eye(len(X_train)), targets)
    return classes[(kernel(X, X_train) @ weights).argmax(axis=1)]
