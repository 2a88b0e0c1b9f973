"""UnbiasedGenImage's selections (Grommelt et al., modes of its `get_data`) as values of a subset's keys.

A preset fills in the keys that are not written; whatever is written wins, an explicit null too. What theirs does and
ours does not, on purpose:

- jpeg96 draws reals and fakes without a seed, so that no two of its runs train on the same images; ours is by hash of
  (seed, image id). Its ResNet version takes 37,000 reals, its Swin version all: `images_per_class: null`.
- classic, jpeg96 and its mode SIZE look for the generator's folder at the fifth place of a path from the end. In the
  released table it is the fourth: they select no row (jpeg96 then fails), and SIZE no longer leaves out the images
  trained on. Ours go by pool.
- Its checkpoints are chosen on GenImage's val folders, which are also its test set. Ours are never read here: val is
  carved from train, so 15 % of each number of theirs are val images.
- It measures quality by luminance tables alone, stopping at the first worse match: `quality_estimate: published`
  takes its column, the presets mean an exact match.
- Swin's configuration always balances classes in training, in classic too: `balance_classes: train`.
- size_constrained takes the reals of all folders, so the sets of two generators share all their reals (ours too): what
  their detectors have in common says less. It samples with seed 42, which is the preset's, though by another draw.
- It trains on the bytes of 17 of the test images of Stable Diffusion 1.4: `drop_leaks: none`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from crossgen.config.values import merged

Preset = Literal["classic", "jpeg96", "size_constrained"]

PRESETS: dict[str, dict[str, Any]] = {
    "classic": {"reals_from": "own"},
    "jpeg96": {
        "reals_from": "own",
        "real": {"jpeg_quality": [96, 96]},
        "balance_labels": True,
        "images_per_class": 37000,
    },
    "size_constrained": {
        "reals_from": "all",
        "real": {"jpeg_quality": [96, 96]},
        "balance_classes": True,
        "balance_labels": True,
        "seed": 42,
    },
}

#: What size_constrained needs of `real`, in any of these forms.
BOUNDS = ({"sides"}, {"relative_sides"}, {"width", "height"})


def applied(written: Mapping[str, Any]) -> dict[str, Any]:
    """A subset as written, with its preset's values for keys that are not. Raises ValueError for a missing bound."""
    preset = written.get("preset")
    if not isinstance(preset, str) or preset not in PRESETS:
        return dict(written)
    filled = merged(PRESETS[preset], written)
    real = filled.get("real")
    told = {key for key, value in real.items() if value is not None} if isinstance(real, Mapping) else set()
    if preset == "size_constrained" and not any(keys <= told for keys in BOUNDS):
        raise ValueError(
            f"Missing real.sides in subset {written.get('name')!r}: the rule of preset size_constrained has two bounds;"
            " write real: {sides: [450, 550]} (or relative_sides, or width and height)"
        )
    return filled
