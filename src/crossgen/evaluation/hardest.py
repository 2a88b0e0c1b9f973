"""The images that most detectors of an experiment misjudge, and small pictures of them."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from crossgen.data.images import Unusable, decode
from crossgen.data.names import located
from crossgen.data.reading import read_file
from crossgen.evaluation.answers import Answers
from crossgen.evaluation.judged import Judge
from crossgen.intervals import Mask, Numbers
from crossgen.records import HARDEST

#: Of a detector's (experiment, train set): the pools that it learned from, or whose generators.
Pools = Mapping[tuple[str, str], Sequence[str]]

THUMBNAILS, SIDE, QUALITY = 24, 96, 80
SHOWN = ("image_id", "pool", "label", "group", "class_name", "width", "height", "format", "jpeg_quality")


def hardest(answers: Answers, learned: Pools, count: int) -> pd.DataFrame:
    """The `count` hardest images of each experiment and condition: the columns of HARDEST, and `path` in the pool.

    Ranked are the images that at least half of the experiment's detectors (of all seeds) scored: by the share of these
    that are wrong, then by the mean margin, then by image_id. Detectors that learned from an image's own pool, or
    its generator, are counted apart: `n_own`, `wrong_own`. Controls and unseen generators are among the images.
    """
    parts = [pd.DataFrame(columns=[*HARDEST.columns, "path"])]
    groups: dict[tuple[str, str], list[Judge]] = {}
    for judge in answers.logits:
        groups.setdefault((judge.experiment, judge.condition), []).append(judge)
    for (experiment, condition), judges in groups.items():
        ranked = _ranked(answers, judges, learned).head(count)
        ranked = ranked.assign(experiment=experiment, condition=condition, rank=np.arange(1, len(ranked) + 1))
        parts.append(ranked.assign(thumbnail=None))
    found = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return found[[*HARDEST.columns, "path"]]


def _ranked(answers: Answers, judges: Sequence[Judge], learned: Pools) -> pd.DataFrame:
    counts = np.zeros((4, len(answers.labels)), dtype=np.int64)  # n, wrong, n_own, wrong_own
    margins = np.zeros(len(answers.labels))
    pools = answers.facts["pool"]
    for judge in judges:
        logits = answers.logits[judge].astype(np.float64)
        seen = ~np.isnan(logits)
        wrong = seen & ((logits > 0) != (answers.labels == 1))
        own = pools.isin(list(learned.get(judge[:2], ()))).to_numpy()
        counts += np.stack([seen, wrong, seen & own, wrong & own])
        margins += np.where(seen, margin(logits, answers.labels == 1), 0.0)
    n, wrong, n_own, wrong_own = counts
    with np.errstate(invalid="ignore"):
        ranked = answers.facts[[*SHOWN, "path"]].assign(share=wrong / n, margin=margins / n)
    ranked = ranked.assign(n=n, wrong=wrong, n_own=n_own, wrong_own=wrong_own)
    ranked = ranked[(2 * n >= len(judges)) & (wrong > 0)]
    return ranked.sort_values(["share", "margin", "image_id"], ascending=[False, True, True])


def margin(logits: Numbers, is_fake: Mask) -> Numbers:
    """Signed logits in standard deviations of the detector's; negative where it is wrong."""
    spread = float(np.nanstd(logits))
    return np.where(is_fake, logits, -logits) / (spread if spread > 0 else 1.0)


def with_thumbnails(table: pd.DataFrame, roots: Mapping[str, Path]) -> pd.DataFrame:
    """The same with small JPEG files of the first images of every experiment under the first condition, THUMBNAILS in
    all, where a pool's root is told and the file can be read there."""
    first = table[table["condition"] == table["condition"].iloc[0]] if len(table) else table
    chosen = first.sort_values("rank", kind="stable").head(THUMBNAILS)
    pictures = pd.Series(None, index=table.index, dtype=object)
    for at, pool, path in zip(chosen.index, chosen["pool"], chosen["path"], strict=True):
        pictures[at] = thumbnail(roots.get(pool), path)
    return table.assign(thumbnail=pictures)


def with_pictures_of(table: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """The same with the pictures that an earlier table of HARDEST holds, where no images are at hand; an image that
    stands at another place than there has none."""
    places = [*HARDEST.key, "image_id"]
    pictures = table[places].merge(earlier[[*places, "thumbnail"]], on=places, how="left")["thumbnail"]
    return table.assign(thumbnail=pictures.astype(object).where(pictures.notna(), None).to_numpy())


def thumbnail(root: Path | None, path: str) -> bytes | None:
    """A JPEG file of at most SIDE pixels a side; None where the file is not at hand or does not decode."""
    from PIL import Image

    if root is None:
        return None
    try:
        image = Image.fromarray(decode(read_file(located(root, path))))
    except (OSError, Unusable):
        return None
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=QUALITY)
    return held.getvalue()
