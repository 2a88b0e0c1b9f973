"""Finished runs of labs, small and made in a second: drawn scores, real metrics, a run.json that can be replayed."""

import json
import shutil
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossgen import records
from crossgen.__main__ import main
from crossgen.evaluation.render import images_digest
from crossgen.replay.run import digest
from crossgen.replay.steps import Step, made_with

JPEG = {"step": "jpeg", "quality": 60}


@dataclass
class Lab:
    """What one lab did: the folder that holds its `results/`, and what a test may change before it is made."""

    folder: Path
    generators: tuple[str, ...] = ("adm", "biggan")
    experiments: tuple[str, ...] = ("raw",)
    steps: list = field(default_factory=lambda: [JPEG])
    versions: dict = field(default_factory=lambda: {"pixels": 1, "logits": 1})
    replicates: int = 100
    seeds: tuple[int, ...] = (0,)
    salt: int = 0
    changed: dict = field(default_factory=dict)  # pool -> what is done to the rows of its manifest
    seen_by: dict = field(default_factory=dict)  # test set -> train sets; of others nobody says it
    lost: int = 0  # images of adm that raw has no scores of

    @property
    def report(self) -> Path:
        return self.folder / "results" / "lab"

    def make(self) -> Path:
        shutil.rmtree(self.folder / "results", ignore_errors=True)
        for pool, label, n in (("photographs", 0, 20), *((name, 1, 16) for name in self.generators)):
            self._write_manifest(pool, label, n)
        for experiment in self.experiments:
            self._write_scores(experiment)
        with chdir(self.folder):
            assert main(["compute-metrics", *self.step().words]) == 0
        self._write_config()
        self.tell()
        return self.report

    def _write_manifest(self, pool, label, n):
        rows = [
            {
                "image_id": f"{pool}/{number:02d}.png", "path": f"secret/disk/{pool}/{number:02d}.png", "pool": pool,
                "source": "secret", "folder": "/home/secret", "label": label,
                "split": "test" if number % 5 else "train",
                "group": f"{pool}-{number // 2}", "stratum": f"p{number % 2}", "shard": 0,
                "blake3": f"{label}{number:063d}", "bytes": 100 + number,
            }
            for number in range(n)
        ]  # fmt: skip
        rows = self.changed.get(pool, lambda rows: rows)(rows)
        records.write(self.manifest(pool), records.from_rows(rows, records.MANIFEST), records.MANIFEST)

    def manifest(self, pool) -> Path:
        return self.report / "manifest" / f"{pool}.parquet"

    def tested(self, pool) -> pa.Table:
        rows = records.read(self.manifest(pool), records.MANIFEST)
        usable = pc.and_(pc.equal(rows["split"], "test"), pc.is_null(rows["quarantine"]))
        return rows.filter(usable).sort_by("image_id")

    def _write_scores(self, experiment):
        pools = ("photographs", *self.generators)
        rng = np.random.default_rng([self.salt, len(experiment)])
        rows = [
            {"experiment": experiment, "train_set": train, "seed": seed, "pool": pool, "condition": condition}
            | {"image_id": image_id, "label": int(pool != "photographs"), "logit": rng.normal() + (pool == train)}
            for train in ("adm", "biggan")
            for seed in self.seeds
            for condition in ("clean", "harmed")
            for pool in pools
            for image_id in self.tested(pool)["image_id"].to_pylist()[self.lost if pool == "adm" else 0 :]
        ]
        steps = {"clean/real": [], "clean/fake": [], "harmed/real": self.steps, "harmed/fake": self.steps}
        told = {
            "detectors": {f"{experiment}/{t}/seed{s}": f"w{self.salt}" for t in ("adm", "biggan") for s in self.seeds},
            "images": {f"{pool}/0": images_digest(self.tested(pool)) for pool in pools},
            "conditions": steps,
            "versions": self.versions,
        }
        path = self.report / "scores" / f"{experiment}.parquet"
        records.write(path, records.from_rows(rows, records.SCORES), records.SCORES, told)

    @property
    def config(self) -> dict:
        sets = [
            {"name": name, "fake": name, "real": "photographs", "seen_by": self.seen_by.get(name)}
            for name in self.generators
        ]
        return {
            "report": "lab",
            "test_sets": sets,
            "conditions": [{"name": "clean"}, {"name": "harmed", "steps": self.steps}],
            "experiments": [{"name": name, "subset": "raw", "recipe": "r"} for name in self.experiments],
            "comparisons": [],
            "statistics": {"replicates": self.replicates},
            "pools": [{"name": "adm", "source": {"kind": "folder", "root": "/home/secret"}}],
        }

    def _write_config(self):
        (self.report / "config.json").write_text(json.dumps(self.config))

    def step(self) -> Step:
        of = lambda kind: sorted(  # noqa: E731
            path.relative_to(self.folder).as_posix() for path in (self.report / kind).glob("*.parquet")
        )
        tests = {name: self.config[name] for name in ("test_sets", "comparisons", "statistics")}
        words = ["--scores", *of("scores"), "--manifests", *of("manifest"), "--tests", json.dumps(tests)]
        words += ["--train-generators", json.dumps({"adm": "adm", "biggan": "biggan"})]
        out = ["--metrics", "results/lab/metrics.parquet", "--differences", "results/lab/differences.parquet"]
        out += ["--seed-means", "results/lab/seed_means.parquet"]
        return Step("compute-metrics", tuple(words + out))

    def tell(self, **changes) -> None:
        """Write run.json about what lies there."""
        told = lambda path: {"path": path.relative_to(self.report).as_posix(), "blake3": digest(path)}  # noqa: E731
        files = {
            "scores": [told(path) for path in sorted((self.report / "scores").glob("*"))],
            "manifests": [told(path) for path in sorted((self.report / "manifest").glob("*"))],
            **{name: told(self.report / f"{name}.parquet") for name in ("metrics", "differences", "seed_means")},
            "config": told(self.report / "config.json"),
        }
        step = {"command": self.step().command, "words": self.step().words}
        run = {"run_version": 2, "report": "lab", "folder": "results/lab", "files": files, "replay": [step]}
        (self.report / "run.json").write_text(json.dumps(run | {"made_with": made_with()} | changes))


def change_cell(path: Path, column: str, row: int, value: object) -> None:
    """One cell of a Parquet file, what its file tells of itself kept."""
    table = records.pq.read_table(path)
    values = table[column].to_pylist()
    values[row] = value
    place = table.column_names.index(column)
    records.pq.write_table(
        table.set_column(place, table.schema.field(column), pa.array(values, table[column].type)), path
    )
