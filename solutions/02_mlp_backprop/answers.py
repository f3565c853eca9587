"""What students write for assignment 02: wrong answers that a check must catch, right ones that none may reject."""

import itertools

import torch

from course_lib.grading.trial import right, wrong

# Question 1: count_parameters


@wrong("q1-miniature", "q1-deeper", "q1-unseen")
def count_parameters(sizes, pieces=1):
    """Counts the weights and forgets the biases: 32 for 3-4-4-1."""
    if len(sizes) < 2:
        raise ValueError("too short")
    layers = [d * h for d, h in itertools.pairwise(sizes)]
    return pieces * sum(layers[:-1]) + layers[-1]


@wrong("q1-miniature", "q1-deeper", "q1-unseen")
def count_parameters(sizes, pieces=1):
    """Gives the inputs a bias, too: 44 for 3-4-4-1."""
    if len(sizes) < 2:
        raise ValueError("too short")
    layers = [d * h + h for d, h in itertools.pairwise(sizes)]
    return pieces * sum(layers[:-1]) + layers[-1] + sizes[0]


@wrong("q1-miniature", "q1-deeper", "q1-unseen")
def count_parameters(sizes, pieces=1):
    """Counts one bias for each layer instead of one for each unit."""
    if len(sizes) < 2:
        raise ValueError("too short")
    layers = [d * h + 1 for d, h in itertools.pairwise(sizes)]
    return pieces * sum(layers[:-1]) + layers[-1]


@wrong("q1-miniature", "q1-deeper", "q1-pieces")
def count_parameters(sizes, pieces=1):
    """Gives the output units pieces as well."""
    if len(sizes) < 2:
        raise ValueError("too short")
    return pieces * sum(d * h + h for d, h in itertools.pairwise(sizes))


@wrong("q1-miniature", "q1-pieces")
def count_parameters(sizes, pieces=1):
    """Gives each piece its weights, and each unit one bias for all pieces."""
    if len(sizes) < 2:
        raise ValueError("too short")
    *hidden, last = list(itertools.pairwise(sizes))
    return sum(pieces * d * h + h for d, h in hidden) + last[0] * last[1] + last[1]


@wrong("q1-miniature", "q1-pieces")
def count_parameters(sizes, pieces=1):
    """Lets every piece be an input of the next layer, as if maxout handed on all of them."""
    if len(sizes) < 2:
        raise ValueError("too short")
    wide = [sizes[0], *(pieces * h for h in sizes[1:-1]), sizes[-1]]
    return sum(d * h + h for d, h in itertools.pairwise(wide))


@wrong("q1-deeper", "q1-unseen")
def count_parameters(sizes, pieces=1):
    """Knows networks with one hidden layer only."""
    if len(sizes) < 2:
        raise ValueError("too short")
    d, h, c = sizes[0], sizes[1], sizes[-1]
    return pieces * (d * h + h) + h * c + c


@wrong("q1-errors")
def count_parameters(sizes, pieces=1):
    """Lets a network without a layer pass: a sum over nothing is 0."""
    pairs = list(itertools.pairwise(sizes))
    return sum((pieces if i < len(pairs) - 1 else 1) * (d * h + h) for i, (d, h) in enumerate(pairs))


@wrong("q1-errors")
def count_parameters(sizes, pieces=1):
    """Returns the error instead of raising it."""
    if len(sizes) < 2:
        return ValueError("too short")
    layers = [d * h + h for d, h in itertools.pairwise(sizes)]
    return pieces * sum(layers[:-1]) + layers[-1]


@wrong("q1-unseen")
def count_parameters(sizes, pieces=1):
    """Takes the sizes out of the list it was handed."""
    if len(sizes) < 2:
        raise ValueError("too short")
    c = sizes.pop()
    total = c * sizes[-1] + c
    while len(sizes) > 1:
        h = sizes.pop()
        total += pieces * (h * sizes[-1] + h)
    return total


@right
def count_parameters(sizes, pieces=1):
    """A loop over places."""
    if len(sizes) < 2:
        raise ValueError("too short")
    total = 0
    for i in range(1, len(sizes)):
        layer = (sizes[i - 1] + 1) * sizes[i]
        total += layer if i == len(sizes) - 1 else pieces * layer
    return total


@right
def count_parameters(sizes, pieces=1):
    """Builds the layers in PyTorch and counts."""
    if not len(sizes) >= 2:
        raise ValueError(sizes)
    total = 0
    for i, (d, h) in enumerate(itertools.pairwise(sizes), start=2):
        layer = torch.nn.Linear(d, h)
        total += (1 if i == len(sizes) else pieces) * (layer.weight.numel() + layer.bias.numel())
    return total


@right
def count_parameters(sizes, pieces=1):
    """Takes the first layer off and counts the rest by itself."""
    if len(sizes) < 2:
        raise ValueError("too short")
    layer = sizes[0] * sizes[1] + sizes[1]
    return layer if len(sizes) == 2 else pieces * layer + count_parameters(sizes[1:], pieces)


# Question 2: linear_forward, linear_backward


@wrong("q2-miniature", "q2-unseen")
def linear_forward(X, W, b):
    """Forgets the bias."""
    return X @ W


@wrong("q2-miniature", "q2-unseen")
def linear_forward(X, W, b):
    """Transposes the weights, as nn.Linear stores them."""
    return X @ W.T + b


@wrong("q2-unseen", "q2-axes")
def linear_forward(X, W, b):
    """Loops over rows that must stand along one axis, and over as many units as inputs."""
    Z = torch.zeros(X.shape, dtype=X.dtype)
    for i in range(X.shape[0]):
        for k in range(X.shape[1]):
            Z[i, k] = (X[i] * W[:, k]).sum() + b[k]
    return Z


@wrong("q2-texts", "q2-axes")
def linear_backward(dZ, X, W):
    """Copies the lecture's function, which knows tables only."""
    return dZ @ W.T, X.T @ dZ, dZ.sum(dim=0)


@wrong("q2-miniature", "q2-unseen")
def linear_backward(dZ, X, W):
    """Forgets to transpose W: fits only if the layer is square."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W, rows.T @ dZ_rows, dZ_rows.sum(dim=0)


@wrong("q2-miniature", "q2-unseen")
def linear_backward(dZ, X, W):
    """Adds the gradient of b up over the units instead of the rows."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W.T, rows.T @ dZ_rows, dZ_rows.sum(dim=1)


@wrong("q2-miniature", "q2-unseen")
def linear_backward(dZ, X, W):
    """Takes the mean over the rows for b, and the sum for W."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W.T, rows.T @ dZ_rows, dZ_rows.mean(dim=0)


@wrong("q2-miniature", "q2-unseen")
def linear_backward(dZ, X, W):
    """Divides by the batch size here, although the loss has done it."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W.T, rows.T @ dZ_rows / len(rows), dZ_rows.sum(dim=0) / len(rows)


@wrong("q2-miniature", "q2-unseen")
def linear_backward(dZ, X, W):
    """The gradient of W the wrong way round."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W.T, dZ_rows.T @ rows, dZ_rows.sum(dim=0)


@wrong("q2-miniature", "q2-unseen")
def linear_backward(dZ, X, W):
    """Keeps an axis of length 1 in the gradient of b."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W.T, rows.T @ dZ_rows, dZ_rows.sum(dim=0, keepdim=True)


@wrong("q2-texts", "q2-axes")
def linear_backward(dZ, X, W):
    """Adds b's gradient up over the first axis only."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W.T, rows.T @ dZ_rows, dZ.sum(dim=0)


@wrong("q2-texts", "q2-axes")
def linear_backward(dZ, X, W):
    """Returns dX as a table, not in the shape of X."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ_rows @ W.T, rows.T @ dZ_rows, dZ_rows.sum(dim=0)


@wrong("q2-unseen")
def linear_backward(dZ, X, W):
    """Multiplies a single example by hand: right for a batch of one only."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W.T, rows[0][:, None] * dZ_rows[0][None, :], dZ_rows[0]


@wrong("q2-untouched")
def linear_backward(dZ, X, W, kept={}):  # noqa: B006
    """Adds the gradients up over calls, as PyTorch does, and never starts again."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    kept["dW"] = kept.get("dW", 0) * (kept.get("shape") == W.shape) + rows.T @ dZ_rows
    kept["shape"] = W.shape
    return dZ @ W.T, kept["dW"], dZ_rows.sum(dim=0)


@wrong("q2-untouched")
def linear_backward(dZ, X, W):
    """Turns W round in place."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W.t_(), rows.T @ dZ_rows, dZ_rows.sum(dim=0)


@wrong("q2-axes")
def linear_backward(dZ, X, W):
    """Computes in float64 and returns that."""
    X, W, dZ = X.double(), W.double(), dZ.double()
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    return dZ @ W.T, rows.T @ dZ_rows, dZ_rows.sum(dim=0)


@right
def linear_forward(X, W, b):
    """PyTorch's own layer."""
    return torch.nn.functional.linear(X, W.T, b)


@right
def linear_forward(X, W, b):
    """The sum written out, unit by unit."""
    return torch.stack([(X * W[:, k]).sum(dim=-1) + b[k] for k in range(W.shape[1])], dim=-1)


@right
def linear_backward(dZ, X, W):
    """Einstein's notation."""
    X_rows, dZ_rows = X.flatten(0, -2) if X.dim() > 1 else X[None], dZ.reshape(-1, dZ.shape[-1])
    dX = torch.einsum("...h,dh->...d", dZ, W)
    return dX, torch.einsum("nd,nh->dh", X_rows, dZ_rows), torch.einsum("nh->h", dZ_rows)


@right
def linear_backward(dZ, X, W):
    """Loops over the rows and adds up."""
    rows, dZ_rows = X.reshape(-1, X.shape[-1]), dZ.reshape(-1, dZ.shape[-1])
    dX, dW, db = torch.zeros_like(rows), torch.zeros_like(W), torch.zeros_like(W[0])
    for i in range(len(rows)):
        dX[i] = W @ dZ_rows[i]
        dW += torch.outer(rows[i], dZ_rows[i])
        db += dZ_rows[i]
    return dX.reshape(X.shape), dW, db


@right
def linear_backward(dZ, X, W):
    """Asks autograd, which is not the point, but right."""
    X, W = X.detach().clone().requires_grad_(), W.detach().clone().requires_grad_()
    b = torch.zeros(W.shape[1], dtype=W.dtype, requires_grad=True)
    return torch.autograd.grad(X @ W + b, (X, W, b), dZ)


# Question 3: bends and their slopes


@wrong("q3-extremes", "q3-miniature")
def relu_backward(dA, A, alpha=0.0):
    """Takes the slope 1 at zero."""
    return torch.where(A >= 0, dA, alpha * dA)


@wrong("q3-miniature", "q3-unseen")
def relu_backward(dA, A, alpha=0.0):
    """Copies the lecture's function and forgets alpha."""
    return dA * (A > 0)


@wrong("q3-miniature", "q3-unseen")
def relu_backward(dA, A, alpha=0.0):
    """Applies the function a second time instead of its slope."""
    return torch.where(A > 0, A, alpha * A)


@wrong("q3-unseen", "q3-extremes")
def relu_backward(dA, A, alpha=0.0):
    """Returns the slope, without the gradient that comes in."""
    return torch.where(A > 0, torch.ones_like(A), alpha)


@wrong("q3-untouched")
def relu_backward(dA, A, alpha=0.0):
    """Multiplies in place."""
    dA[A <= 0] *= alpha
    return dA


@wrong("q3-miniature", "q3-unseen")
def relu(Z, alpha=0.0):
    """Ignores alpha."""
    return torch.clamp(Z, min=0)


@wrong("q3-untouched")
def relu(Z, alpha=0.0):
    """Writes into the tensor it was handed."""
    Z[Z < 0] *= alpha
    return Z


@wrong("q3-miniature", "q3-unseen")
def relu(Z, alpha=0.0):
    """Replaces what is negative by alpha instead of multiplying by it."""
    return torch.where(Z > 0, Z, alpha)


@wrong("q3-miniature", "q3-unseen")
def sigmoid_backward(dA, A):
    """Takes its second argument for z."""
    s = 1 / (1 + torch.exp(-A))
    return dA * s * (1 - s)


@wrong("q3-unseen")
def sigmoid_backward(dA, A):
    """Forgets the gradient that comes in."""
    return A * (1 - A)


@wrong("q3-untouched")
def sigmoid_backward(dA, A):
    """Saves memory, at the caller's cost."""
    dA *= A
    dA *= 1 - A
    return dA


@wrong("q3-miniature", "q3-unseen")
def tanh_backward(dA, A):
    """Takes its second argument for z."""
    return dA * (1 - torch.tanh(A) ** 2)


@wrong("q3-miniature", "q3-unseen")
def tanh_backward(dA, A):
    """Takes the sigmoid's slope."""
    return dA * A * (1 - A)


@wrong("q3-miniature", "q3-unseen")
def tanh_backward(dA, A):
    """Forgets the square."""
    return dA * (1 - A)


@wrong("q3-extremes")
def sigmoid(Z):
    """The other form, inf / inf at 1000."""
    return torch.exp(Z) / (1 + torch.exp(Z))


@wrong("q3-extremes")
def sigmoid(Z):
    """Clips z to ±5 so that nothing overflows."""
    return 1 / (1 + torch.exp(-torch.clamp(Z, -5, 5)))


@wrong("q3-untouched")
def sigmoid(Z):
    """Works in place, with names that end in _."""
    return Z.neg_().exp_().add_(1).reciprocal_()


@wrong("q3-maxout", "q3-unseen")
def maxout(Z):
    """Takes the maximum over the units instead of the pieces."""
    return Z.amax(dim=1)


@wrong("q3-maxout")
def maxout(Z):
    """Returns values and places: PyTorch's max along an axis is a pair."""
    return Z.max(dim=2)


@wrong("q3-maxout", "q3-unseen")
def maxout(Z):
    """Knows two pieces only, as in the lecture."""
    return torch.maximum(Z[:, :, 0], Z[:, :, 1])


@wrong("q3-maxout", "q3-unseen")
def maxout_backward(dA, Z):
    """Gives every piece the whole gradient."""
    return dA[:, :, None].expand(Z.shape).clone()


@wrong("q3-maxout", "q3-unseen")
def maxout_backward(dA, Z):
    """Shares the gradient among the pieces."""
    return (dA[:, :, None] / Z.shape[2]).expand(Z.shape).clone()


@wrong("q3-maxout", "q3-unseen")
def maxout_backward(dA, Z):
    """Looks for the largest number of the whole tensor."""
    return torch.where(Z.max() == Z, dA[:, :, None], 0.0)


@wrong("q3-maxout", "q3-unseen")
def maxout_backward(dA, Z):
    """Marks the winners and forgets the gradient that comes in."""
    return (Z.amax(dim=2, keepdim=True) == Z).to(Z.dtype)


@right
def relu(Z, alpha=0.0):
    """A mask, in a copy."""
    A = Z.clone()
    A[Z <= 0] = alpha * Z[Z <= 0]
    return A


@right
def relu_backward(dA, A, alpha=0.0):
    """The slope as a tensor, times dA."""
    slope = alpha + (1 - alpha) * (A > 0).to(A.dtype)
    return slope * dA


@right
def sigmoid(Z):
    """The lecture's two forms."""
    small = torch.exp(-Z.abs())
    return torch.where(Z >= 0, 1 / (1 + small), small / (1 + small))


@right
def sigmoid(Z):
    """Through tanh."""
    return (torch.tanh(Z / 2) + 1) / 2


@right
def sigmoid_backward(dA, A):
    """Multiplied out."""
    return dA * (A - A.pow(2))


@right
def tanh_backward(dA, A):
    """As a product of two factors."""
    return dA * (1 + A) * (1 - A)


@right
def maxout(Z):
    """A loop over the pieces."""
    largest = Z[:, :, 0]
    for piece in range(1, Z.shape[2]):
        largest = torch.maximum(largest, Z[:, :, piece])
    return largest


@right
def maxout_backward(dA, Z):
    """Scatters dA to the places of the winners."""
    winner = Z.argmax(dim=2, keepdim=True)
    return torch.zeros_like(Z).scatter(2, winner, dA.unsqueeze(2))


@right
def maxout_backward(dA, Z):
    """Three loops."""
    dZ = torch.zeros_like(Z)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            dZ[i, j, int(Z[i, j].argmax())] = dA[i, j]
    return dZ


# Question 4: softmax_cross_entropy


@wrong("q4-batch", "q4-unseen")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Forgets 1/n in the gradient."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    log_s = logits.log_softmax(dim=1)
    return -(truth * log_s).sum() / n, log_s.exp() - truth


@wrong("q4-batch", "q4-unseen")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """The sum over the batch, in loss and gradient."""
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, logits.shape[1]) + smoothing / logits.shape[1]
    log_s = logits.log_softmax(dim=1)
    return -(truth * log_s).sum(), log_s.exp() - truth


@wrong("q4-miniature", "q4-unseen")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Takes the mean over examples and classes."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    log_s = logits.log_softmax(dim=1)
    return -(truth * log_s).mean(), (log_s.exp() - truth) / (n * C)


@wrong("q4-large")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Types the softmax as it stands: exp overflows."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    s = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return -(truth * s.log()).sum() / n, (s - truth) / n


@wrong("q4-large")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Subtracts the maximum, and then takes the logarithm of a probability of 0."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    e = (logits - logits.amax(dim=1, keepdim=True)).exp()
    s = e / e.sum(dim=1, keepdim=True)
    return -(truth * s.log()).sum() / n, (s - truth) / n


@wrong("q4-large")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Adds a tiny number inside the logarithm, which changes the loss of what is very wrong."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    s = logits.softmax(dim=1)
    return -(truth * (s + 1e-12).log()).sum() / n, (s - truth) / n


@wrong("q4-large")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Subtracts the largest logit of the whole batch: the other rows vanish."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    shifted = logits - logits.max() - 100 * torch.arange(n)[:, None]
    log_s = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    return -(truth * log_s).sum() / n, (log_s.exp() - truth) / n


@wrong("q4-miniature", "q4-unseen")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Softmax over the batch instead of the classes."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    log_s = logits.log_softmax(dim=0)
    return -(truth * log_s).sum() / n, (log_s.exp() - truth) / n


@wrong("q4-miniature", "q4-unseen")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Copies the lecture's function and leaves smoothing out."""
    rows = torch.arange(len(y))
    log_s = logits - logits.logsumexp(dim=1, keepdim=True)
    dlogits = log_s.exp()
    dlogits[rows, y] -= 1
    return -log_s[rows, y].mean(), dlogits / len(y)


@wrong("q4-miniature", "q4-unseen")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Smooths the loss and not the gradient."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    log_s = logits.log_softmax(dim=1)
    return -(truth * log_s).sum() / n, (log_s.exp() - torch.nn.functional.one_hot(y, C)) / n


@wrong("q4-miniature", "q4-unseen")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Spreads ε over the wrong classes only."""
    n, C = logits.shape
    one_hot = torch.nn.functional.one_hot(y, C)
    truth = (1 - smoothing) * one_hot + smoothing / (C - 1) * (1 - one_hot)
    log_s = logits.log_softmax(dim=1)
    return -(truth * log_s).sum() / n, (log_s.exp() - truth) / n


@wrong("q4-miniature", "q4-unseen")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Truth minus probability."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    log_s = logits.log_softmax(dim=1)
    return -(truth * log_s).sum() / n, (truth - log_s.exp()) / n


@wrong("q4-untouched")
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Subtracts the maximum in place."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.nn.functional.one_hot(y, C) + smoothing / C
    logits -= logits.amax(dim=1, keepdim=True)
    log_s = logits - logits.exp().sum(dim=1, keepdim=True).log()
    return -(truth * log_s).sum() / n, (log_s.exp() - truth) / n


@right
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """A loop over the examples, the loss as a float."""
    n, C = logits.shape
    loss, dlogits = 0.0, torch.empty_like(logits)
    for i in range(n):
        truth = torch.full((C,), smoothing / C, dtype=logits.dtype)
        truth[y[i]] += 1 - smoothing
        z = logits[i] - logits[i].max()
        log_s = z - torch.log(torch.exp(z).sum())
        loss -= float((truth * log_s).sum()) / n
        dlogits[i] = (torch.exp(log_s) - truth) / n
    return loss, dlogits


@right
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """One loss for the class and one for the smoothing."""
    n, C = logits.shape
    log_s = logits - logits.logsumexp(dim=1, keepdim=True)
    certain = -log_s.gather(1, y[:, None]).mean()
    even = -log_s.mean(dim=1).mean()
    dlogits = (log_s.exp() - smoothing / C) / n
    dlogits[range(n), y] -= (1 - smoothing) / n
    return (1 - smoothing) * certain + smoothing * even, dlogits


@right
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Asks PyTorch."""
    z = logits.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(z, y, label_smoothing=smoothing)
    loss.backward()
    return loss.detach(), z.grad


@right
def softmax_cross_entropy(logits, y, smoothing=0.0):
    """Computes in float64, returns what came in."""
    n, C = logits.shape
    truth = (1 - smoothing) * torch.eye(C, dtype=torch.float64)[y] + smoothing / C
    log_s = logits.double().log_softmax(dim=1)
    return float(-(truth * log_s).sum(dim=1).mean()), ((log_s.exp() - truth) / n).to(logits.dtype)


# Question 5: numeric_gradient, find_wrong


@wrong("q5-miniature", "q5-unseen")
def numeric_gradient(f, X, step=6e-6):
    """One-sided differences."""
    gradient = torch.zeros_like(X)
    for index in itertools.product(*map(range, X.shape)):
        nudge = torch.zeros_like(X)
        nudge[index] = step
        gradient[index] = (f(X + nudge) - f(X)) / step
    return gradient


@wrong("q5-miniature", "q5-unseen")
def numeric_gradient(f, X, step=6e-6):
    """Divides by the step instead of twice the step."""
    gradient = torch.zeros_like(X)
    for index in itertools.product(*map(range, X.shape)):
        nudge = torch.zeros_like(X)
        nudge[index] = step
        gradient[index] = (f(X + nudge) - f(X - nudge)) / step
    return gradient


@wrong("q5-unseen")
def numeric_gradient(f, X, step=6e-6):
    """Nudges X itself, there and back again: the last digits change."""
    gradient = torch.zeros_like(X)
    for index in itertools.product(*map(range, X.shape)):
        X[index] += step
        up = f(X)
        X[index] -= 2 * step
        down = f(X)
        X[index] += step
        gradient[index] = (up - down) / (2 * step)
    return gradient


@wrong("q5-unseen")
def numeric_gradient(f, X, step=6e-6):
    """Nudges X itself and does not go back."""
    gradient = torch.zeros_like(X)
    for index in itertools.product(*map(range, X.shape)):
        X[index] += step
        up = f(X)
        X[index] -= 2 * step
        gradient[index] = (up - f(X)) / (2 * step)
    return gradient


@wrong("q5-miniature", "q5-shapes", "q5-unseen")
def numeric_gradient(f, X, step=6e-6):
    """Nudges all numbers at once."""
    slope = (f(X + step) - f(X - step)) / (2 * step)
    return torch.full_like(X, float(slope))


@wrong("q5-shapes", "q5-unseen")
def numeric_gradient(f, X, step=6e-6):
    """Knows vectors only."""
    gradient = torch.zeros_like(X)
    for i in range(len(X)):
        nudge = torch.zeros_like(X)
        nudge[i] = step
        gradient[i] = (f(X + nudge) - f(X - nudge)) / (2 * step)
    return gradient


@wrong("q5-shapes", "q5-unseen")
def numeric_gradient(f, X, step=6e-6):
    """Returns a flat list of slopes."""
    slopes = []
    for i in range(X.numel()):
        nudge = torch.zeros(X.numel(), dtype=X.dtype)
        nudge[i] = step
        nudge = nudge.reshape(X.shape)
        slopes.append(float((f(X + nudge) - f(X - nudge)) / (2 * step)))
    return torch.tensor(slopes, dtype=X.dtype)


@wrong("q5-shapes", "q5-unseen")
def numeric_gradient(f, X, step=6e-6):
    """Works in float32, in which a step of 6e-6 drowns."""
    X = X.float()
    gradient = torch.zeros_like(X)
    for index in itertools.product(*map(range, X.shape)):
        nudge = torch.zeros_like(X)
        nudge[index] = step
        gradient[index] = (f(X + nudge) - f(X - nudge)) / (2 * step)
    return gradient.double()


@wrong("q5-miniature", "q5-unseen")
def numeric_gradient(f, X, step=6e-6):
    """Ignores the step it is given."""
    gradient = torch.zeros_like(X)
    for index in itertools.product(*map(range, X.shape)):
        nudge = torch.zeros_like(X)
        nudge[index] = 1e-6
        gradient[index] = (f(X + nudge) - f(X - nudge)) / (2 * step)
    return gradient


@wrong("q5-culprits")
def find_wrong(suspects, tolerance=1e-5):
    """The absolute error: small gradients may be anything, large ones are never right."""
    wrong = []
    for place, (f, gradient, X) in enumerate(suspects):
        if not (gradient(X) - numeric_gradient(f, X)).abs().max() <= tolerance:
            wrong.append(place)
    return wrong


@wrong("q5-culprits")
def find_wrong(suspects, tolerance=1e-5):
    """Compares with >, so that NaN passes."""
    wrong = []
    for place, (f, gradient, X) in enumerate(suspects):
        claimed, numeric = gradient(X), numeric_gradient(f, X)
        if (claimed - numeric).norm() > tolerance * (claimed.norm() + numeric.norm()):
            wrong.append(place)
    return wrong


@wrong("q5-culprits")
def find_wrong(suspects, tolerance=1e-5):
    """Divides 0 by 0, and holds the NaN against the suspect."""
    wrong = []
    for place, (f, gradient, X) in enumerate(suspects):
        claimed, numeric = gradient(X), numeric_gradient(f, X)
        if not (claimed - numeric).norm() / (claimed.norm() + numeric.norm()) <= tolerance:
            wrong.append(place)
    return wrong


@wrong("q5-suspects", "q5-culprits")
def find_wrong(suspects, tolerance=1e-5):
    """Returns the innocent ones."""
    right = []
    for place, (f, gradient, X) in enumerate(suspects):
        claimed, numeric = gradient(X), numeric_gradient(f, X)
        if (claimed - numeric).norm() <= tolerance * (claimed.norm() + numeric.norm()):
            right.append(place)
    return right


@wrong("q5-suspects", "q5-culprits")
def find_wrong(suspects, tolerance=1e-5):
    """Answers for each suspect with True or False."""
    answers = []
    for f, gradient, X in suspects:
        claimed, numeric = gradient(X), numeric_gradient(f, X)
        answers.append(not bool((claimed - numeric).norm() <= tolerance * (claimed.norm() + numeric.norm())))
    return answers


@wrong("q5-suspects", "q5-culprits")
def find_wrong(suspects, tolerance=1e-5):
    """Stops at the first culprit: the return stands inside the loop."""
    wrong = []
    for place, (f, gradient, X) in enumerate(suspects):
        claimed, numeric = gradient(X), numeric_gradient(f, X)
        if not (claimed - numeric).norm() <= tolerance * (claimed.norm() + numeric.norm()):
            wrong.append(place)
            return wrong
    return wrong


@wrong("q5-culprits")
def find_wrong(suspects, tolerance=1e-5):
    """Ignores the tolerance it is given."""
    wrong = []
    for place, (f, gradient, X) in enumerate(suspects):
        claimed, numeric = gradient(X), numeric_gradient(f, X)
        if not (claimed - numeric).norm() <= 1e-5 * (claimed.norm() + numeric.norm()):
            wrong.append(place)
    return wrong


@wrong("q5-culprits")
def find_wrong(suspects, tolerance=1e-5):
    """Compares the lengths of the two gradients, not the gradients: the wrong sign passes."""
    wrong = []
    for place, (f, gradient, X) in enumerate(suspects):
        claimed, numeric = gradient(X).norm(), numeric_gradient(f, X).norm()
        if not (claimed - numeric).abs() <= tolerance * (claimed + numeric):
            wrong.append(place)
    return wrong


@right
def numeric_gradient(f, X, step=6e-6):
    """A flat copy, nudged and set back."""
    place, gradient = X.clone(), torch.zeros_like(X)
    flat, slopes = place.view(-1), gradient.view(-1)
    for i in range(flat.numel()):
        old = flat[i].item()
        flat[i] = old + step
        up = float(f(place))
        flat[i] = old - step
        slopes[i] = (up - float(f(place))) / (2 * step)
        flat[i] = old
    return gradient


@right
def numeric_gradient(f, X, step=6e-6):
    """The rows of the unit matrix as directions."""
    directions = step * torch.eye(X.numel(), dtype=X.dtype)
    slopes = [float(f(X + e.reshape(X.shape)) - f(X - e.reshape(X.shape))) for e in directions]
    return torch.tensor(slopes, dtype=X.dtype).reshape(X.shape) / (2 * step)


@right
def find_wrong(suspects, tolerance=1e-5):
    """One case after the other."""
    wrong = []
    for place in range(len(suspects)):
        f, gradient, X = suspects[place]
        g, n = gradient(X), numeric_gradient(f, X)
        size = float(g.norm() + n.norm())
        if torch.isnan(g).any() or (size > 0 and float((g - n).norm()) / size > tolerance):
            wrong.append(place)
    return wrong


@right
def find_wrong(suspects, tolerance=1e-5):
    """A helper, a list comprehension, and a tiny number against 0 / 0."""

    def error(f, gradient, X):
        g, n = gradient(X), numeric_gradient(f, X)
        return ((g - n) ** 2).sum().sqrt() / ((g**2).sum().sqrt() + (n**2).sum().sqrt() + 1e-30)

    return [i for i, suspect in enumerate(suspects) if not error(*suspect) <= tolerance]


# Question 6: MLP, train, plan


@wrong("q6-gradients", "q6-layers")
class MLP:
    """Puts a ReLU behind the last layer, too."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        shapes = list(itertools.pairwise(sizes))
        self.weights = [(torch.randn(s, generator=generator) * (2 / s[0]) ** 0.5).to(device) for s in shapes]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]

    def forward(self, X):
        self.inputs = [X]
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(torch.relu(self.inputs[-1] @ W + b))
        return self.inputs[-1]

    def backward(self, dlogits):
        self.dweights, self.dbiases = [], []
        dA = dlogits
        for i in reversed(range(len(self.weights))):
            dZ = dA * (self.inputs[i + 1] > 0)
            self.dweights.insert(0, self.inputs[i].T @ dZ)
            self.dbiases.insert(0, dZ.sum(dim=0))
            dA = dZ @ self.weights[i].T
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@wrong("q6-gradients", "q6-layers")
class MLP:
    """Forgets the slope of ReLU on the way back."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        shapes = list(itertools.pairwise(sizes))
        self.weights = [(torch.randn(s, generator=generator) * (2 / s[0]) ** 0.5).to(device) for s in shapes]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]

    def forward(self, X):
        self.inputs = []
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(X)
            Z = linear_forward(X, W, b)
            X = relu(Z)
        return Z

    def backward(self, dlogits):
        self.dweights, self.dbiases = [], []
        for X, W in zip(reversed(self.inputs), reversed(self.weights), strict=True):
            dlogits, dW, db = linear_backward(dlogits, X, W)
            self.dweights.insert(0, dW)
            self.dbiases.insert(0, db)
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@wrong("q6-layers", "q6-digits")
class MLP:
    """Adds new gradients to those of earlier passes."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        shapes = list(itertools.pairwise(sizes))
        self.weights = [(torch.randn(s, generator=generator) * (2 / s[0]) ** 0.5).to(device) for s in shapes]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]
        self.dweights = [torch.zeros_like(W) for W in self.weights]
        self.dbiases = [torch.zeros_like(b) for b in self.biases]

    def forward(self, X):
        self.inputs = []
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(X)
            Z = linear_forward(X, W, b)
            X = relu(Z)
        return Z

    def backward(self, dlogits):
        for i in reversed(range(len(self.weights))):
            dX, dW, db = linear_backward(dlogits, self.inputs[i], self.weights[i])
            self.dweights[i] = self.dweights[i] + dW
            self.dbiases[i] = self.dbiases[i] + db
            dlogits = relu_backward(dX, self.inputs[i])
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@wrong("q6-layers")
class MLP:
    """Keeps the inputs of all passes: backward uses those of the first."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        shapes = list(itertools.pairwise(sizes))
        self.weights = [(torch.randn(s, generator=generator) * (2 / s[0]) ** 0.5).to(device) for s in shapes]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]
        self.inputs = []

    def forward(self, X):
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(X)
            Z = linear_forward(X, W, b)
            X = relu(Z)
        return Z

    def backward(self, dlogits):
        self.dweights, self.dbiases = [], []
        for i in reversed(range(len(self.weights))):
            dX, dW, db = linear_backward(dlogits, self.inputs[i], self.weights[i])
            self.dweights.insert(0, dW)
            self.dbiases.insert(0, db)
            dlogits = relu_backward(dX, self.inputs[i])
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@wrong("q6-layers", "q6-digits", "q6-unseen")
class MLP:
    """Goes uphill."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        shapes = list(itertools.pairwise(sizes))
        self.weights = [(torch.randn(s, generator=generator) * (2 / s[0]) ** 0.5).to(device) for s in shapes]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]

    def forward(self, X):
        self.inputs = []
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(X)
            Z = linear_forward(X, W, b)
            X = relu(Z)
        return Z

    def backward(self, dlogits):
        self.dweights, self.dbiases = [], []
        for X, W in zip(reversed(self.inputs), reversed(self.weights), strict=True):
            dX, dW, db = linear_backward(dlogits, X, W)
            self.dweights.insert(0, dW)
            self.dbiases.insert(0, db)
            dlogits = relu_backward(dX, X)
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W + lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b + lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@wrong("q6-layers")
class MLP:
    """Steps with the weights and forgets the biases: it still learns, a little worse."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        shapes = list(itertools.pairwise(sizes))
        self.weights = [(torch.randn(s, generator=generator) * (2 / s[0]) ** 0.5).to(device) for s in shapes]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]

    def forward(self, X):
        self.inputs = []
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(X)
            Z = linear_forward(X, W, b)
            X = relu(Z)
        return Z

    def backward(self, dlogits):
        self.dweights, self.dbiases = [], []
        for X, W in zip(reversed(self.inputs), reversed(self.weights), strict=True):
            dX, dW, db = linear_backward(dlogits, X, W)
            self.dweights.insert(0, dW)
            self.dbiases.insert(0, db)
            dlogits = relu_backward(dX, X)
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]


@wrong("q6-gradients", "q6-layers")
class MLP:
    """Returns the gradients in the order of the walk: last layer first."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        shapes = list(itertools.pairwise(sizes))
        self.weights = [(torch.randn(s, generator=generator) * (2 / s[0]) ** 0.5).to(device) for s in shapes]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]

    def forward(self, X):
        self.inputs = []
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(X)
            Z = linear_forward(X, W, b)
            X = relu(Z)
        return Z

    def backward(self, dlogits):
        self.dweights, self.dbiases = [], []
        for X, W in zip(reversed(self.inputs), reversed(self.weights), strict=True):
            dX, dW, db = linear_backward(dlogits, X, W)
            self.dweights.append(dW)
            self.dbiases.append(db)
            dlogits = relu_backward(dX, X)
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, reversed(self.dweights), strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, reversed(self.dbiases), strict=True)]


@wrong("q6-layers")
class MLP:
    """Draws the start from the global generator and ignores the seed."""

    def __init__(self, sizes, seed=0, device="cpu"):
        self.weights = [
            torch.randn(d, h, device=device) * (2 / d) ** 0.5 for d, h in itertools.pairwise(sizes)
        ]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]

    def forward(self, X):
        self.inputs = []
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(X)
            Z = linear_forward(X, W, b)
            X = relu(Z)
        return Z

    def backward(self, dlogits):
        self.dweights, self.dbiases = [], []
        for X, W in zip(reversed(self.inputs), reversed(self.weights), strict=True):
            dX, dW, db = linear_backward(dlogits, X, W)
            self.dweights.insert(0, dW)
            self.dbiases.insert(0, db)
            dlogits = relu_backward(dX, X)
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@wrong("q6-layers")
class MLP:
    """Draws the start with standard deviation 1, whatever the number of inputs."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        shapes = list(itertools.pairwise(sizes))
        self.weights = [torch.randn(shape, generator=generator).to(device) for shape in shapes]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]

    def forward(self, X):
        self.inputs = []
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(X)
            Z = linear_forward(X, W, b)
            X = relu(Z)
        return Z

    def backward(self, dlogits):
        self.dweights, self.dbiases = [], []
        for X, W in zip(reversed(self.inputs), reversed(self.weights), strict=True):
            dX, dW, db = linear_backward(dlogits, X, W)
            self.dweights.insert(0, dW)
            self.dbiases.insert(0, db)
            dlogits = relu_backward(dX, X)
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@wrong("q6-gradients", "q6-layers")
class MLP:
    """Starts with all weights at zero: nothing but rounding errors tells the hidden units apart."""

    def __init__(self, sizes, seed=0, device="cpu"):
        self.weights = [torch.zeros(d, h, device=device) for d, h in itertools.pairwise(sizes)]
        self.biases = [torch.rand(h, device=device) * 0 + 0.1 for h in sizes[1:]]

    def forward(self, X):
        self.inputs = []
        for W, b in zip(self.weights, self.biases, strict=True):
            self.inputs.append(X)
            Z = linear_forward(X, W, b)
            X = relu(Z)
        return Z

    def backward(self, dlogits):
        self.dweights, self.dbiases = [], []
        for X, W in zip(reversed(self.inputs), reversed(self.weights), strict=True):
            dX, dW, db = linear_backward(dlogits, X, W)
            self.dweights.insert(0, dW)
            self.dbiases.insert(0, db)
            dlogits = relu_backward(dX, X)
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@wrong("q6-gradients", "q6-layers")
class MLP:
    """Knows one hidden layer only, and stores the weights as nn.Linear does."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        d, h, c = sizes
        self.weights = [
            torch.randn(h, d, generator=generator).to(device),
            torch.randn(c, h, generator=generator).to(device),
        ]
        self.biases = [torch.zeros(h, device=device), torch.zeros(c, device=device)]

    def forward(self, X):
        self.X, self.A = X, torch.relu(X @ self.weights[0].T + self.biases[0])
        return self.A @ self.weights[1].T + self.biases[1]

    def backward(self, dlogits):
        dZ = (dlogits @ self.weights[1]) * (self.A > 0)
        self.dweights, self.dbiases = [dZ.T @ self.X, dlogits.T @ self.A], [dZ.sum(dim=0), dlogits.sum(dim=0)]
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@wrong("q6-batches")
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """Drops the last, smaller batch."""
    generator, history = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        order, losses = torch.randperm(len(X), generator=generator).to(X.device), []
        for start in range(0, len(X) - batch_size + 1, batch_size):
            batch = order[start : start + batch_size]
            loss, dlogits = softmax_cross_entropy(model.forward(X[batch]), y[batch])
            model.backward(dlogits)
            model.step(lr)
            losses.append(float(loss))
        history.append(sum(losses) / len(losses))
    return history


@wrong("q6-batches")
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """Never shuffles."""
    history = []
    for _ in range(epochs):
        losses = []
        for batch in torch.arange(len(X), device=X.device).split(batch_size):
            loss, dlogits = softmax_cross_entropy(model.forward(X[batch]), y[batch])
            model.backward(dlogits)
            model.step(lr)
            losses.append(float(loss))
        history.append(sum(losses) / len(losses))
    return history


@wrong("q6-batches")
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """Shuffles once, before the first epoch."""
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed)).to(X.device)
    history = []
    for _ in range(epochs):
        losses = []
        for batch in order.split(batch_size):
            loss, dlogits = softmax_cross_entropy(model.forward(X[batch]), y[batch])
            model.backward(dlogits)
            model.step(lr)
            losses.append(float(loss))
        history.append(sum(losses) / len(losses))
    return history


@wrong("q6-batches")
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """Makes the generator inside the loop: every epoch has the same order."""
    history = []
    for _ in range(epochs):
        losses = []
        for batch in torch.randperm(len(X), generator=torch.Generator().manual_seed(seed)).split(batch_size):
            loss, dlogits = softmax_cross_entropy(model.forward(X[batch]), y[batch])
            model.backward(dlogits)
            model.step(lr)
            losses.append(float(loss))
        history.append(sum(losses) / len(losses))
    return history


@wrong("q6-batches")
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """Draws examples with replacement: some come twice, some never."""
    generator, history = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        losses = []
        for start in range(0, len(X), batch_size):
            size = min(batch_size, len(X) - start)
            batch = torch.randint(0, len(X), (size,), generator=generator)
            loss, dlogits = softmax_cross_entropy(model.forward(X[batch]), y[batch])
            model.backward(dlogits)
            model.step(lr)
            losses.append(float(loss))
        history.append(sum(losses) / len(losses))
    return history


@wrong("q6-batches", "q6-digits", "q6-unseen")
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """Shuffles images and classes apart."""
    generator, history = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        losses = []
        X = X[torch.randperm(len(X), generator=generator)]
        y = y[torch.randperm(len(y), generator=generator)]
        for X_batch, y_batch in zip(X.split(batch_size), y.split(batch_size), strict=True):
            loss, dlogits = softmax_cross_entropy(model.forward(X_batch), y_batch)
            model.backward(dlogits)
            model.step(lr)
            losses.append(float(loss))
        history.append(sum(losses) / len(losses))
    return history


@wrong("q6-batches", "q6-digits", "q6-unseen")
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """One step for each epoch: it stands outside the inner loop."""
    generator, history = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        losses = []
        for batch in torch.randperm(len(X), generator=generator).split(batch_size):
            loss, dlogits = softmax_cross_entropy(model.forward(X[batch]), y[batch])
            model.backward(dlogits)
            losses.append(float(loss))
        model.step(lr)
        history.append(sum(losses) / len(losses))
    return history


@wrong("q6-batches")
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """Returns the sum of the losses of an epoch."""
    generator, history = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        history.append(0.0)
        for batch in torch.randperm(len(X), generator=generator).split(batch_size):
            loss, dlogits = softmax_cross_entropy(model.forward(X[batch]), y[batch])
            model.backward(dlogits)
            model.step(lr)
            history[-1] += float(loss)
    return history


@wrong("q6-digits", "q6-unseen")
def plan():
    """More than the budget, by ten parameters."""
    return {"sizes": [64, 8, 10], "epochs": 40, "lr": 0.2, "batch_size": 32}


@wrong("q6-digits", "q6-unseen")
def plan():
    """Trains for more epochs than allowed."""
    return {"sizes": [64, 7, 10], "epochs": 200, "lr": 0.2, "batch_size": 32}


@wrong("q6-digits", "q6-unseen")
def plan():
    """A learning rate from a blog post about language models."""
    return {"sizes": [64, 7, 10], "epochs": 20, "lr": 1e-4, "batch_size": 32}


@wrong("q6-digits", "q6-unseen")
def plan():
    """So much haste that the loss jumps."""
    return {"sizes": [64, 6, 6, 10], "epochs": 40, "lr": 10.0, "batch_size": 8}


@right
class MLP:
    """Keeps z and works in place; no helper from other questions."""

    def __init__(self, sizes, seed=0, device="cpu"):
        torch.manual_seed(seed)
        self.weights, self.biases = [], []
        for i in range(len(sizes) - 1):
            self.weights.append((torch.randn(sizes[i], sizes[i + 1]) * (2 / sizes[i]) ** 0.5).to(device))
            self.biases.append(torch.zeros(sizes[i + 1]).to(device))

    def forward(self, X):
        self.A, self.Z = [X], []
        for i in range(len(self.weights)):
            self.Z.append(self.A[-1] @ self.weights[i] + self.biases[i])
            self.A.append(self.Z[-1].clamp(min=0))
        return self.Z[-1]

    def backward(self, dlogits):
        L = len(self.weights)
        self.dweights, self.dbiases = [None] * L, [None] * L
        dZ = dlogits
        for i in range(L - 1, -1, -1):
            self.dweights[i] = self.A[i].T @ dZ
            self.dbiases[i] = dZ.sum(dim=0)
            if i > 0:
                dZ = (dZ @ self.weights[i].T) * (self.Z[i - 1] > 0)
        return self.dweights, self.dbiases

    def step(self, lr):
        for i in range(len(self.weights)):
            self.weights[i] -= lr * self.dweights[i]
            self.biases[i] -= lr * self.dbiases[i]


@right
class MLP:
    """Small objects, one for each layer, and tuples; properties for the lists."""

    class Layer:
        def __init__(self, d, h, generator, device):
            self.W = torch.empty(d, h).normal_(0, (2 / d) ** 0.5, generator=generator).to(device)
            self.b = torch.zeros(h, device=device)

        def forward(self, X):
            self.X = X
            return linear_forward(X, self.W, self.b)

        def backward(self, dZ):
            dX, self.dW, self.db = linear_backward(dZ, self.X, self.W)
            return relu_backward(dX, self.X)

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        self.layers = [MLP.Layer(d, h, generator, device) for d, h in itertools.pairwise(sizes)]

    @property
    def weights(self):
        return [layer.W for layer in self.layers]

    @property
    def biases(self):
        return [layer.b for layer in self.layers]

    def forward(self, X):
        for layer in self.layers[:-1]:
            X = relu(layer.forward(X))
        return self.layers[-1].forward(X)

    def backward(self, dlogits):
        for layer in reversed(self.layers):
            dlogits = layer.backward(dlogits)
        return tuple(layer.dW for layer in self.layers), tuple(layer.db for layer in self.layers)

    def step(self, lr):
        for layer in self.layers:
            layer.W, layer.b = layer.W - lr * layer.dW, layer.b - lr * layer.db


@right
class MLP:
    """Lets autograd do it, which is not the point, but right."""

    def __init__(self, sizes, seed=0, device="cpu"):
        generator = torch.Generator().manual_seed(seed)
        shapes = list(itertools.pairwise(sizes))
        self.weights = [(torch.randn(s, generator=generator) * (2 / s[0]) ** 0.5).to(device) for s in shapes]
        self.biases = [torch.zeros(h, device=device) for h in sizes[1:]]

    def forward(self, X):
        self.tracked = [p.clone().requires_grad_() for p in (*self.weights, *self.biases)]
        L = len(self.weights)
        for i in range(L):
            Z = X @ self.tracked[i] + self.tracked[L + i]
            X = torch.relu(Z)
        self.logits = Z
        return Z.detach()

    def backward(self, dlogits):
        gradients = list(torch.autograd.grad(self.logits, self.tracked, dlogits))
        self.dweights, self.dbiases = gradients[: len(self.weights)], gradients[len(self.weights) :]
        return self.dweights, self.dbiases

    def step(self, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, self.dweights, strict=True)]
        self.biases = [b - lr * db for b, db in zip(self.biases, self.dbiases, strict=True)]


@right
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """NumPy's generator and slices, the last batch small."""
    import numpy as np

    rng, history = np.random.default_rng(seed), []
    for _ in range(epochs):
        order, losses = torch.from_numpy(rng.permutation(len(X))), []
        for start in range(0, len(X), batch_size):
            batch = order[start : start + batch_size].to(X.device)
            loss, dlogits = softmax_cross_entropy(model.forward(X[batch]), y[batch])
            model.backward(dlogits)
            model.step(lr)
            losses.append(float(loss))
        history.append(float(np.mean(losses)))
    return history


@right
def train(model, X, y, epochs, lr, batch_size, seed=0):
    """Shuffles copies of the data with the global generator, losses as tensors."""
    torch.manual_seed(seed)
    history = []
    for _ in range(epochs):
        order = torch.randperm(len(X)).to(X.device)
        total, count = 0.0, 0
        pairs = zip(X[order].split(batch_size), y[order].split(batch_size), strict=True)
        for X_batch, y_batch in pairs:
            logits = model.forward(X_batch)
            loss, dlogits = softmax_cross_entropy(logits, y_batch)
            model.backward(dlogits)
            model.step(lr)
            total, count = total + loss, count + 1
        history.append(float(total / count))
    return history


@wrong("q6-digits", "q6-unseen")
def plan():
    """No hidden layer: 650 parameters."""
    return {"sizes": [64, 10], "epochs": 60, "lr": 0.2, "batch_size": 32}


@right
def plan():
    """Smaller batches, a lower rate."""
    return {"sizes": [64, 7, 10], "epochs": 60, "lr": 0.1, "batch_size": 16}


@right
def plan():
    """Very small batches, a very low rate."""
    return {"sizes": [64, 7, 10], "epochs": 60, "lr": 0.05, "batch_size": 8}


EQUIVALENT = {
    "numeric_gradient: gradient = torch.zeros_like(X) → gradient = torch.ones_like(X)": "every entry is written",
}


EQUIVALENT = {
    "numeric_gradient: gradient = torch.zeros_like(X) → gradient = torch.ones_like(X)": (
        "every entry is overwritten"
    ),
}
