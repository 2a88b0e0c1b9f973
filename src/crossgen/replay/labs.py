"""Runs of several labs: what each tested, and on what, read from its bundle or folder."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crossgen import records
from crossgen.config import Shown, TestSet
from crossgen.evaluation import provenance
from crossgen.evaluation.judged import FACTS
from crossgen.evaluation.provenance import Provenance
from crossgen.replay.bundle import Opened
from crossgen.replay.run import digest

#: Columns of a manifest that say whether two labs judged the same image in the same way.
COLUMNS = (*FACTS, "blake3", "bytes")
#: Roles of the files that a comparison is made of.
READ = ("scores", "manifests", "metrics", "config")


@dataclass(frozen=True)
class Lab:
    """One lab's run, under the name that it has in the comparison."""

    name: str
    opened: Opened
    told: Provenance

    @classmethod
    def of(cls, name: str, opened: Opened) -> "Lab":
        """Raises ValueError for files that are missing or altered, or scores that contradict each other."""
        run = opened.run
        for file in run.files:
            if file.role in READ:
                path = run.path(file.place)
                found = opened.stands_for.get(file.place) or (digest(path) if path.is_file() else "missing")
                if found != file.digest:
                    raise ValueError(
                        f"{name}: {run.shown(file.place)} is missing or altered: crossgen verify says more."
                    )
        return cls(name, opened, provenance.check(run.of_role("scores"), run.of_role("manifests")))

    @cached_property
    def shown(self) -> Shown:
        """The part of the config that says what is tested and in which order."""
        told = json.loads(self.opened.run.of_role("config")[0].read_text(encoding="utf-8"))
        return Shown.model_validate_json(json.dumps({name: told[name] for name in Shown.model_fields if name in told}))

    @cached_property
    def facts(self) -> pd.DataFrame:
        """COLUMNS of every test image, quarantined ones too; `held` is the digest of its file, else its bytes."""
        parts = [records.read(path, records.MANIFEST, COLUMNS) for path in self.opened.run.of_role("manifests")]
        rows = pd.concat([part.filter(pc.equal(part["split"], "test")).to_pandas() for part in parts])
        held = rows["blake3"].fillna(rows["bytes"].astype(str))
        told: pd.DataFrame = rows.assign(held=held).reset_index(drop=True)
        return told

    def tested(self, test_set: TestSet) -> pd.DataFrame:
        """The facts of a test set's images, by image_id."""
        pools = [pool for pool in (test_set.fake, test_set.real) if pool]
        rows: pd.DataFrame = self.facts[self.facts["pool"].isin(pools)].set_index("image_id")
        return rows

    def scores(self, test_sets: Sequence[TestSet], conditions: Sequence[str]) -> pd.DataFrame:
        """The scores of some test sets under some conditions."""
        pools = {pool for test_set in test_sets for pool in (test_set.fake, test_set.real) if pool}
        chosen = {"pool": pools, "condition": conditions}
        parts = [_chosen(path, chosen) for path in self.opened.run.of_role("scores")]
        together: pd.DataFrame = pd.concat(parts, ignore_index=True)
        return together

    @cached_property
    def generators(self) -> dict[str, str | None]:
        """Train set to its generator, where single."""
        rows = records.read(self.opened.run.of_role("metrics")[0], records.METRICS, ["train_set", "train_generator"])
        pairs = rows.to_pandas().drop_duplicates().astype(object)
        return dict(pairs.where(pairs.notna(), None).itertuples(index=False))


def _chosen(path: Path, chosen: Mapping[str, Collection[str]]) -> pd.DataFrame:
    table = records.read(path, records.SCORES)
    for name, values in chosen.items():
        table = table.filter(pc.is_in(table[name], pa.array(sorted(values), pa.string())))
    frame: pd.DataFrame = table.to_pandas()
    return frame
