"""The losses once more, as plain sums over plain lists: nothing shared with src but the equations.

Every function takes tensors in float64 and returns a float.
"""

import math

from torch import Tensor

Vector = list[float]


def dot(a: Vector, b: Vector) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def unit(a: Vector) -> Vector:
    length = math.sqrt(dot(a, a))
    return [x / length for x in a]


def log_softmax(values: Vector) -> Vector:
    top = max(values)
    total = math.fsum(math.exp(value - top) for value in values)
    return [value - top - math.log(total) for value in values]


def mean(values: Vector) -> float:
    return math.fsum(values) / len(values)


def transpose(rows: list[Vector]) -> list[Vector]:
    return [list(column) for column in zip(*rows, strict=True)]


def similarities(queries: list[Vector], keys: list[Vector], temperature: float) -> list[Vector]:
    return [[dot(query, key) / temperature for key in keys] for query in queries]


def own_cross_entropy(scores: list[Vector]) -> list[float]:
    return [-log_softmax(row)[i] for i, row in enumerate(scores)]


def both_directions(image: Tensor, text: Tensor, temperature: float) -> tuple[float, float]:
    scores = similarities(image.tolist(), text.tolist(), temperature)
    return mean(own_cross_entropy(scores)), mean(own_cross_entropy(transpose(scores)))


def ita(image: Tensor, text: Tensor, *, temperature: float, rules: str) -> float:
    forth, back = both_directions(image, text, temperature)
    return forth + back if rules == "published" else (forth + back) / 2


def clip(image: Tensor, text: Tensor, *, temperature: float) -> float:
    return mean(list(both_directions(image, text, temperature)))


def siglip(image: Tensor, text: Tensor, *, temperature: float, bias: float) -> float:
    total = 0.0
    for i, v in enumerate(image.tolist()):
        for j, t in enumerate(text.tolist()):
            logit = dot(v, t) / temperature + bias
            total += math.log1p(math.exp(-logit if i == j else logit))
    return total / len(image)


def sinkhorn(scores: list[Vector], *, epsilon: float, iterations: int) -> list[Vector]:
    """As SwAV's listing has it: exponentials first, then columns and rows in turn."""
    q = [[math.exp(score / epsilon) for score in row] for row in scores]
    samples, prototypes = len(q), len(q[0])
    for _ in range(iterations):
        columns = [math.fsum(column) for column in transpose(q)]
        q = [[value / columns[k] / prototypes for k, value in enumerate(row)] for row in q]
        q = [[value / math.fsum(row) / samples for value in row] for row in q]
    return [[value * samples for value in row] for row in q]


def cpa(
    image: Tensor, text: Tensor, prototypes: Tensor, *, temperature: float, epsilon: float, iterations: int
) -> float:
    rows = [unit(row) for row in prototypes.tolist()]
    scores = [similarities(side.tolist(), rows, 1.0) for side in (image, text)]
    codes = [sinkhorn(score, epsilon=epsilon, iterations=iterations) for score in scores]
    total = 0.0
    for score, code in zip(scores, reversed(codes), strict=True):
        for s, q in zip(score, code, strict=True):
            total -= dot(q, log_softmax([value / temperature for value in s]))
    return total / (2 * len(image))


def quantile(values: Vector, fraction: float) -> float:
    values = sorted(values)
    rank = fraction * (len(values) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(values) - 1)
    return values[below] + (rank - below) * (values[above] - values[below])


def weights(attention: Vector, counted: list[bool]) -> Vector:
    kept = [value for value, count in zip(attention, counted, strict=True) if count]
    if not kept:
        return [0.0] * len(attention)
    low, high = quantile(kept, 0.1), quantile(kept, 0.9)
    clipped = [min(max(value, low), high) if count else 0.0 for value, count in zip(attention, counted, strict=True)]
    total = math.fsum(clipped)
    return [value / total for value in clipped]


def attend(queries: list[Vector], keys: list[Vector], temperature: float) -> list[Vector]:
    found = []
    for scores in similarities(queries, keys, temperature):
        attention = [math.exp(value) for value in log_softmax(scores)]
        found.append([math.fsum(a * x for a, x in zip(attention, column, strict=True)) for column in transpose(keys)])
    return found


def recognition(tokens: list[Vector], found: list[Vector], weight: Vector, temperature: float) -> float:
    scores = similarities(tokens, found, temperature)
    return (dot(weight, own_cross_entropy(scores)) + dot(weight, own_cross_entropy(transpose(scores)))) / 2


def cta(
    patches: Tensor,
    words: Tensor,
    mask: Tensor,
    attention: Tensor,
    patch_attention: Tensor | None,
    *,
    temperature: float,
    bidirectional: bool,
    rules: str,
) -> float:
    """Corrected: padding is cut off before anything else happens. Published: it stays where the code leaves it."""
    losses = []
    for i in range(len(words)):
        patch, word, keep, attended = patches[i].tolist(), words[i].tolist(), mask[i].tolist(), attention[i].tolist()
        real = [w for w, k in zip(word, keep, strict=True) if k]
        if rules == "corrected":
            attended = [a for a, k in zip(attended, keep, strict=True) if k]
            word = real
        found = [unit(o) for o in attend(word, patch, temperature)]
        loss = recognition(word, found, weights(attended, [a != 0 for a in attended]), temperature)
        if bidirectional:
            found = attend(patch, real, temperature)
            if rules == "corrected" or patch_attention is None:
                found = [unit(o) for o in found]
            if patch_attention is None:
                weight = [1 / len(patch)] * len(patch)
            else:
                weight = weights(patch_attention[i].tolist(), [True] * len(patch))
            loss += recognition(patch, found, weight, temperature)
        losses.append(loss)
    return mean(losses)
