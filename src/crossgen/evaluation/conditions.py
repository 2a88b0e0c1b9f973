"""Conditions: what is done to the pixels of a test image before its frame is cut.

A step is local or global. A local step changes a pixel by what lies within its halo, so it runs on the frame plus that
halo, bit-identical to the whole image and several times cheaper; a global step needs the whole image.
"""

from collections.abc import Sequence

import numpy as np

from crossgen.config import Frame, Step
from crossgen.data import frames
from crossgen.data.frames import Region
from crossgen.data.images import Pixels
from crossgen.evaluation.noise import Place
from crossgen.evaluation.operations import STEPS, Operation

#: Part of the name of every stored pixel cell: raise it when pixels change, here, in what is imported here or in
#: `crossgen.data.images`.
VERSION = 1


def render(image: Pixels, steps: Sequence[Step], frame: Frame, image_id: str) -> Pixels:
    """The frame of an image [H, W, 3] after the steps (see `frames.fit`): the pixels of `render_full`, sooner.

    The whole image goes through the chain up to its last global step, from there on only what the frame needs.
    Raises Unusable: `under_frame` if the image is, or has become, too small for a frame that skips such images;
    `too_large` if a step's codec cannot hold it.
    """
    operations = [STEPS[step.step](step) for step in steps]
    first_local = max((i + 1 for i, operation in enumerate(operations) if operation.halo is None), default=0)
    for i, operation in enumerate(operations[:first_local]):
        image = operation.apply(image, Place(image_id, i))
    height, width = image.shape[:2]
    region = frames.central(frame, width, height)
    if frames.sees_all(frame) or frames.is_small(frame, width, height):
        for i, operation in enumerate(operations[first_local:], first_local):
            image = operation.apply(image, Place(image_id, i))
        return frames.fit(frame, image)
    regions = _needed(region, operations[first_local:], width, height)
    return _run_on_regions(image, operations, regions, image_id)


def render_full(image: Pixels, steps: Sequence[Step], frame: Frame, image_id: str) -> Pixels:
    """The definition of what `render` gives: the whole image through each step, then the frame."""
    for i, step in enumerate(steps):
        image = STEPS[step.step](step).apply(image, Place(image_id, i))
    return frames.fit(frame, image)


def _needed(region: Region, operations: Sequence[Operation], width: int, height: int) -> list[Region]:
    """What each local operation must be given, in order, and last the region that is wanted of the chain."""
    regions = [region]
    for operation in reversed(operations):
        halo, step = operation.halo or 0, operation.alignment
        x, y, wide, high = regions[0]
        left, top = max(0, x - halo) // step * step, max(0, y - halo) // step * step
        right = min(width, -(-(x + wide + halo) // step) * step)
        bottom = min(height, -(-(y + high + halo) // step) * step)
        regions.insert(0, Region(left, top, right - left, bottom - top))
    return regions


def _run_on_regions(image: Pixels, operations: Sequence[Operation], regions: list[Region], image_id: str) -> Pixels:
    """Run the last operations of a chain, each on its region; regions shrink towards the one that is wanted."""
    here = regions[0]
    pixels = here.of(image)
    first_local = len(operations) - len(regions) + 1
    for i, inner in enumerate(regions[1:], first_local):
        pixels = operations[i].apply(pixels, Place(image_id, i, here.x, here.y))
        pixels = inner._replace(x=inner.x - here.x, y=inner.y - here.y).of(pixels)
        here = inner
    return np.ascontiguousarray(pixels)
