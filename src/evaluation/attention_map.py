"""Which regions of an image a word looks at.

Axes: T words, P patches (row by row), D embedding width.
"""

from torch import Tensor


def word_region_similarity(image_local_PD: Tensor, word_TD: Tensor, temperature: float) -> Tensor:
    """How each word spreads over the patches of an image, (T, P), each row summing to 1.

    The softmax over patches of the cosines divided by ``temperature``, as the words' half of token alignment attends
    (MGCA, equation 4). Both inputs L2-normalised.
    """
    return (word_TD.float() @ image_local_PD.float().T / temperature).softmax(dim=-1)
