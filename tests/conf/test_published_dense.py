"""Geometry of the published dense experiments: what their transforms do to an image, against OpenCV alone."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hydra.utils import instantiate


@pytest.mark.parametrize("experiment", ["detect/rsna", "detect/object_cxr"])
def test_published_detection_stretches_once_and_augments_nothing(experiment: str, composed: Callable[..., Any]) -> None:
    transform = composed(f"+experiment={experiment}").transform
    image_HW = np.random.default_rng(0).integers(0, 256, (300, 410), dtype=np.uint8)
    wanted = cv2.resize(image_HW, (224, 224), interpolation=cv2.INTER_LINEAR)
    for part in (instantiate(transform.train), instantiate(transform.eval)):
        small_HW = part.shrink(image_HW)
        np.testing.assert_array_equal(small_HW, wanted)
        for seed in range(5):
            np.testing.assert_array_equal(part.augment(small_HW, seed=seed), wanted)
        # from a store of this size nothing is resampled again
        np.testing.assert_array_equal(part.shrink(wanted), wanted)


@pytest.mark.parametrize("experiment", ["detect/rsna", "segment/rsna", "segment/siim"])
def test_published_stores_are_stretched_to_what_the_network_sees(experiment: str, composed: Callable[..., Any]) -> None:
    cfg = composed(f"+experiment={experiment}")
    assert (cfg.store.resize, cfg.store.size, cfg.transform.size) == ("stretch", 224, 224)
    image_HW = np.random.default_rng(1).integers(0, 256, (224, 224), dtype=np.uint8)
    np.testing.assert_array_equal(instantiate(cfg.transform.eval).shrink(image_HW), image_HW)
