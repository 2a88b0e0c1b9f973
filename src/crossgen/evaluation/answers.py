"""What every detector said of every test image, as arrays: read file by file, so that millions of scores fit.

`Judged` holds the same for metrics, from whole tables. Here only some conditions are read, and no text of a score
outlives its file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crossgen import records
from crossgen.config import TestSet
from crossgen.evaluation.judged import KEY, Judge
from crossgen.intervals import Clusters, Codes, Mask

Logits = NDArray[np.float32]
#: What is known of a test image, of the columns of a manifest.
KNOWN = (
    "image_id", "path", "pool", "split", "label", "group", "stratum", "class_index", "class_synset", "class_name",
    "width", "height", "format", "jpeg_quality",
)  # fmt: skip
READ = (*KEY, "image_id", "label", "logit")


@dataclass(frozen=True)
class Answers:
    """Test images (n, ordered by image_id: `facts` with the columns of KNOWN) and the logits [n] of every judge, NaN
    where an image was not scored."""

    facts: pd.DataFrame
    test_sets: tuple[TestSet, ...]
    logits: dict[Judge, Logits]

    @cached_property
    def labels(self) -> Codes:
        """Labels [n]: 1 fake, 0 real."""
        return self.facts["label"].to_numpy(np.int64)

    @cached_property
    def groups(self) -> Codes:
        """Codes [n] of the groups."""
        return pd.factorize(self.facts["group"], sort=True)[0].astype(np.int64)

    @cached_property
    def strata(self) -> Codes:
        """Codes [n] of the source packages."""
        return pd.factorize(self.facts["stratum"], sort=True)[0].astype(np.int64)

    @cached_property
    def _of_pool(self) -> dict[str, Codes]:
        return {str(name): np.sort(rows) for name, rows in self.facts.groupby("pool").indices.items()}

    def rows(self, test_sets: Sequence[TestSet]) -> Codes:
        """Places of the distinct images of some test sets, in order."""
        pools = dict.fromkeys(pool for item in test_sets for pool in (item.fake, item.real) if pool)
        found = [self._of_pool[pool] for pool in pools if pool in self._of_pool]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)

    @property
    def seen(self) -> tuple[TestSet, ...]:
        """Test sets of the matrix: with both labels, and not of unseen generators."""
        return tuple(item for item in self.test_sets if item.pair and not item.unseen)

    def clusters(self, rows: Codes) -> Clusters:
        """Groups and strata of the images at `rows`."""
        return Clusters.of(self.groups[rows], self.labels[rows], self.strata[rows])

    def scored(self, judges: Sequence[Judge], rows: Codes) -> Mask:
        """Which of `rows` all of `judges` scored."""
        return np.asarray(np.all([~np.isnan(self.logits[judge][rows]) for judge in judges], axis=0))


def read_answers(
    scores: Sequence[Path], manifests: Sequence[Path], test_sets: Sequence[TestSet], conditions: Sequence[str]
) -> Answers:
    """Join score files and manifests, of some conditions (in this order) and the pools of `test_sets`.

    Raises ValueError: a logit that is no finite number, an image that is judged twice by one detector, that is no test
    image of the manifests or has another label there; no score at all under these conditions.
    """
    facts = _facts(manifests, test_sets)
    logits: dict[Judge, Logits] = {}
    for path in scores:
        table = records.read(path, records.SCORES, READ, pc.field("condition").isin(list(conditions)))
        for judge, rows in _by_judge(table):
            if judge in logits:
                raise ValueError(f"{path}: {_said(judge)} has scores in another file, too; give each file once.")
            logits[judge] = _vector(rows, facts, f"{path}: {_said(judge)}")
    if not logits:
        raise ValueError(f"No score under the conditions {', '.join(conditions)}: score the detectors first.")
    order = {condition: place for place, condition in enumerate(conditions)}
    return Answers(facts, tuple(test_sets), dict(sorted(logits.items(), key=lambda item: order[item[0].condition])))


def _facts(manifests: Sequence[Path], test_sets: Sequence[TestSet]) -> pd.DataFrame:
    pools = [pool for item in test_sets for pool in (item.fake, item.real) if pool]
    wanted = (pc.field("split") == "test") & pc.field("pool").isin(pools)
    parts = [records.read(path, records.MANIFEST, KNOWN, wanted) for path in manifests]
    table = pa.concat_tables(parts, promote_options="default").sort_by("image_id")
    facts: pd.DataFrame = table.to_pandas()
    repeated = facts["image_id"][facts["image_id"].duplicated()]
    if len(repeated):
        raise ValueError(f"The manifests hold image {repeated.iloc[0]!r} twice ({len(repeated)} repeats in all).")
    return facts


def _by_judge(table: pa.Table) -> Iterator[tuple[Judge, pa.Table]]:
    found = table.select(KEY).group_by(KEY, use_threads=False).aggregate([]).to_pylist()
    for key in found:
        mask = pc.equal(table[KEY[0]], key[KEY[0]])
        for name in KEY[1:]:
            mask = pc.and_(mask, pc.equal(table[name], key[name]))
        yield Judge(*(key[name] for name in KEY)), table if len(found) == 1 else table.filter(mask)


def _said(judge: Judge) -> str:
    return f"{judge.experiment}/{judge.train_set}/seed{judge.seed} under {judge.condition}"


def _vector(rows: pa.Table, facts: pd.DataFrame, what: str) -> Logits:
    """Logits of one judge beside the facts."""
    ids = rows["image_id"].combine_chunks()
    known = pa.array(facts["image_id"], pa.string())
    places = pc.index_in(ids, value_set=known).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    values, labels = rows["logit"].to_numpy(), rows["label"].to_numpy()
    _refuse(ids, ~np.isfinite(values), f"{what}: a logit that is no finite number: the detector is broken")
    _refuse(ids, places < 0, f"{what}: no test image of the manifests; were they made anew? Then score again")
    _refuse(ids, facts["label"].to_numpy()[places] != labels, f"{what}: another label in the manifest")
    _refuse(ids, np.bincount(places, minlength=len(facts))[places] > 1, f"{what}: an image that is judged twice")
    vector = np.full(len(facts), np.nan, dtype=np.float32)
    vector[places] = values
    return vector


def _refuse(ids: pa.Array, wrong: Mask, what: str) -> None:
    if wrong.any():
        raise ValueError(f"{what} (image {ids[int(wrong.argmax())].as_py()!r}, and {int(wrong.sum()) - 1} more).")
