"""From encoder widths to the common embedding width.

Axes: B images or reports, P positions (patches or words), N rows (B, or B * P flattened), C channels, H hidden width,
D embedding width, W processes, S a count with C means and C variances.
"""

import torch
from torch import Tensor, nn

from src.core.distributed import gather_equal, processes
from src.core.precision import at_least_float32, without_autocast


class Projection(nn.Module):
    """Linear, BatchNorm, ReLU, Linear, BatchNorm without affine, over the last axis of (N, C) rows.

    The local projections of MGCA are 1x1 convolutions; on flattened rows a linear layer is the same map and needs
    no transpose. With ``mask_N`` the batch statistics, running ones included, come from the rows that are true; with
    ``sync`` from those of all processes.
    """

    def __init__(self, *, in_dim: int, hidden_dim: int, out_dim: int, sync: bool) -> None:
        super().__init__()
        self.expand = nn.Linear(in_dim, hidden_dim)
        self.expand_norm = RowBatchNorm(hidden_dim, affine=True, sync=sync)
        self.reduce = nn.Linear(hidden_dim, out_dim)
        self.reduce_norm = RowBatchNorm(out_dim, affine=False, sync=sync)

    def forward(self, row_NC: Tensor, mask_N: Tensor | None = None) -> Tensor:
        hidden_NH = self.expand_norm(self.expand(row_NC), mask_N).relu()
        return self.reduce_norm(self.reduce(hidden_NH), mask_N)


class RowBatchNorm(nn.Module):
    """Batch normalisation over rows, with an optional mask of the rows that count.

    Same parameters, buffers and numbers as ``nn.BatchNorm1d`` (eps 1e-5, momentum 0.1). With a mask, in training,
    mean and variance are those of the true rows, computed in float32; rows outside it are normalised by the same
    numbers and mean nothing. With ``sync`` the rows are those of all processes, and gradients flow to all of them.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, *, affine: bool, sync: bool) -> None:
        super().__init__()
        self.sync = sync
        self.eps = 1e-5
        self.momentum = 0.1
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))

    def forward(self, row_NC: Tensor, mask_N: Tensor | None = None) -> Tensor:
        if self.training:
            self.num_batches_tracked += 1
        shared = self.sync and processes() > 1
        if not self.training or (mask_N is None and not shared):
            return nn.functional.batch_norm(
                row_NC,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                self.training,
                self.momentum,
                self.eps,
            )
        with without_autocast(row_NC):
            return self._of_true_rows(row_NC, mask_N, shared).to(row_NC.dtype)

    def _of_true_rows(self, row_NC: Tensor, mask_N: Tensor | None, shared: bool) -> Tensor:
        value_NC = at_least_float32(row_NC)
        # A product with the mask sums the true rows in one pass over memory; autocast would round it.
        counts_N = torch.ones_like(value_NC[:, 0]) if mask_N is None else mask_N.to(value_NC.dtype)
        true_rows = counts_N.sum()
        count = true_rows.clamp(min=1)
        mean_C = counts_N @ value_NC / count
        centred_NC = value_NC - mean_C
        variance_C = counts_N @ centred_NC.square() / count
        if shared:
            count, mean_C, variance_C = _of_all(true_rows, mean_C, variance_C)
            centred_NC = value_NC - mean_C
        with torch.no_grad():
            self.running_mean.lerp_(mean_C, self.momentum)
            self.running_var.lerp_(variance_C * (count / (count - 1).clamp(min=1)), self.momentum)
        scale_C = (variance_C + self.eps).rsqrt()
        if self.weight is None or self.bias is None:
            return centred_NC * scale_C
        return torch.addcmul(self.bias, centred_NC, scale_C * self.weight)


def _of_all(count: Tensor, mean_C: Tensor, variance_C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count, mean and variance of the rows of all processes, from those of each, by one exchange."""
    all_WS = gather_equal(torch.cat([count.unsqueeze(0), mean_C, variance_C]))
    count_W1, mean_WC, variance_WC = all_WS.split([1, len(mean_C), len(mean_C)], dim=1)
    total = count_W1.sum().clamp(min=1)
    mean_C = (count_W1 * mean_WC).sum(dim=0) / total
    variance_C = (count_W1 * (variance_WC + (mean_WC - mean_C).square())).sum(dim=0) / total
    return total, mean_C, variance_C
