"""The focal loss of every box and class and its gradient (Lin et al. 2017), as mmdet's ``FocalLoss`` calls it on a GPU.

Axes: N boxes, C classes. ``target_N``: int64, the box's class; C for background.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, one_hot


def focal(logit_NC: Tensor, target_N: Tensor, weight_C: Tensor, gamma: float, alpha: float) -> Tensor:
    """``-alpha (1 - p)^gamma log p`` of a box's class, ``-(1 - alpha) p^gamma log(1 - p)`` of the others, (N, C).

    ``weight_C``: of the box's class, where it is not empty; background has the weight 1.
    """
    true_NC = one_hot(target_N, logit_NC.shape[1] + 1)[:, :-1].to(logit_NC.dtype)
    sign_NC = 2 * true_NC - 1
    log_right_NC, log_wrong_NC = logsigmoid(sign_NC * logit_NC), logsigmoid(-sign_NC * logit_NC)
    balance_NC = alpha * true_NC + (1 - alpha) * (1 - true_NC)
    loss_NC = -balance_NC * (gamma * log_wrong_NC).exp() * log_right_NC
    if not weight_C.numel():
        return loss_NC
    return loss_NC * torch.cat((weight_C, weight_C.new_ones(1)))[target_N][:, None]


def focal_gradient(logit_NC: Tensor, target_N: Tensor, weight_C: Tensor, gamma: float, alpha: float) -> Tensor:
    """The derivative of each of ``focal``'s values by its logit, (N, C)."""
    with torch.enable_grad():
        leaf_NC = logit_NC.detach().requires_grad_()
        (gradient_NC,) = torch.autograd.grad(focal(leaf_NC, target_N, weight_C, gamma, alpha).sum(), leaf_NC)
    return gradient_NC
