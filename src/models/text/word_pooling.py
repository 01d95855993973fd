"""Word pieces summed into words, for a whole batch at once.

Axes: B reports, L tokens, N tokens that the pooling reads, S word slots, T words, E encoder width.
"""

from torch import Tensor

from src.core.rules import Rules


def pool_words(
    state_BLE: Tensor,
    token_BL: Tensor,
    token_mask_BL: Tensor,
    attention_BL: Tensor,
    piece_V: Tensor,
    *,
    sep_id: int,
    rules: Rules,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The report vector, the word vectors, the mask of the words, and the weight of each word.

    ``state_BLE`` is the last layer's output, ``attention_BL`` what [CLS] attends to, ``piece_V`` is true for every
    vocabulary entry that continues a word. Returns ``global_BE``, ``local_BTE``, ``mask_BT`` and ``attention_BT`` with
    T = L - 1: the words after [CLS] come first, then [SEP] as the last word, then zeros. (MGCA, section 3.1, and
    its released code.)

    corrected: every token that stands belongs to a word; the first one after [CLS] always begins one.
    published: the loop over tokens ends one token early, so a report without its [SEP] among the first L - 1 tokens
    loses it and the last word; each token takes the attention weight of its right-hand neighbour; a piece that
    follows [CLS] is summed into the report vector.
    """
    if rules == "published":
        read = slice(None, -1)
        weight_BN = attention_BL[:, 1:]
    else:
        read = slice(None)
        weight_BN = attention_BL
    state_BNE, token_BN = state_BLE[:, read], token_BL[:, read]
    starts_BN = ~piece_V[token_BN]
    starts_BN[:, 0] = True
    if rules == "corrected":
        starts_BN[:, 1:2] = True
    slot_BN = starts_BN.cumsum(dim=1) - 1
    keep_BN = _kept(token_BN, token_mask_BL[:, read], slot_BN, sep_id=sep_id, rules=rules)

    batch, length, width = state_BLE.shape
    pooled_BSE = state_BLE.new_zeros(batch, length, width).scatter_add(
        1, slot_BN.unsqueeze(-1).expand(-1, -1, width), state_BNE.masked_fill(~keep_BN.unsqueeze(-1), 0)
    )
    attention_BS = attention_BL.new_zeros(batch, length).scatter_add(1, slot_BN, weight_BN.masked_fill(~keep_BN, 0))
    filled_BS = attention_BL.new_zeros(batch, length).scatter_add(1, slot_BN, keep_BN.to(attention_BL.dtype)) > 0
    return pooled_BSE[:, 0], pooled_BSE[:, 1:], filled_BS[:, 1:], attention_BS[:, 1:]


def _kept(token_BN: Tensor, token_mask_BN: Tensor, slot_BN: Tensor, *, sep_id: int, rules: Rules) -> Tensor:
    if rules == "corrected":
        return token_mask_BN
    ends_BN = token_BN == sep_id
    up_to_end_BN = (ends_BN.cumsum(dim=1) - ends_BN.long()) == 0
    # The published loop writes a word down when the next one begins, so the word it is in when it runs out is lost.
    complete_BN = ends_BN.any(dim=1, keepdim=True) | (slot_BN < slot_BN[:, -1:])
    return up_to_end_BN & complete_BN
