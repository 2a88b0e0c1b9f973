"""Augmentation of training images: the steps of `crossgen.config.augmentations`, one image at a time.

A step is a function (image uint8 [H, W, 3], its draws) -> image. It never writes into what it is given, but may return
it, or a view of it. Whatever it draws is a function of (seed, epoch, image, its place in the chain): no worker, order
or clock changes a pixel. `crossgen.training.augment.resident` does the same to batches on a device, where it can.

A step that would make an image larger than any that is read (MAX_PIXELS of `crossgen.data.images`), or one that JPEG
cannot hold, raises Unusable: that image cannot be trained on with this chain.
"""

import cv2

from crossgen.training.augment.chain import AUGMENTATIONS, augment, augment_batch
from crossgen.training.augment.draws import Draw
from crossgen.training.augment.steps import Image, Step

#: Raised when augmented pixels change.
VERSION = 1

__all__ = ["AUGMENTATIONS", "Draw", "Image", "Step", "augment", "augment_batch"]

# A worker has one thread; and cv2's pool of threads may hang in a process that was forked.
cv2.setNumThreads(0)
