"""A run of config/genimage.yaml in which nothing was drawn, trained or scored: the tables that lie between the jobs.

Manifests are made by formula (tests/synthetic_genimage.py) at any scale; selections and metrics by the workflow's own
jobs. What would need pictures or networks is stood in for: crops by the selection, logits by random numbers.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from scale import ROOT, index_of
from usual import draw
from workflow_job import Run

import synthetic_genimage
from crossgen import records
from crossgen.evaluation.cells import Store

SHARDS = 4
CONFIG = "genimage.yaml"
ROUTE = ("experiment", "train_set", "seed")
#: Images a label that UnbiasedGenImage trains on (the preset), at scale 1.
JPEG96 = 37_000
EPOCHS = 210


def made(work: Path, scale: float) -> Run:
    """Manifests, selections and what stands for crops, histories and losses."""
    run = Run(work, CONFIG)
    _write_config(work / CONFIG, scale)
    for path in synthetic_genimage.write(run.results / "manifest", scale).values():
        _shards(run, path)
    run.snakemake("subsets", "--allowed-rules", "filter_subset")
    audit = "results/genimage/audit/biases.parquet"
    for path in run.inputs("audit_biases", audit):
        if path.name == "index.parquet":
            subset, train_set = path.parts[-3:-1]
            index_of(run.results / "subsets" / subset / f"{train_set}.parquet", path)
    return run


def _write_config(path: Path, scale: float) -> None:
    """GenImage's, with as many images a label as there are at this scale."""
    config = yaml.safe_load((ROOT / "config/genimage.yaml").read_text())
    config["recipes"] = [str(ROOT / "config" / name) for name in config["recipes"]]
    for subset in config["subsets"]:
        subset |= {"images_per_class": round(JPEG96 * scale)} if subset["name"] == "jpeg96" else {}
    path.write_text(yaml.safe_dump(config))


def _shards(run: Run, path: Path) -> None:
    """Number the images of a manifest by shard, and write each shard's part as extraction would."""
    rows = pq.read_table(path)
    numbers = pa.array(np.arange(rows.num_rows) % SHARDS)
    rows = rows.set_column(rows.column_names.index("shard"), "shard", numbers)
    records.write(path, rows, records.MANIFEST)
    for shard in range(SHARDS):
        part = run.results / "manifest/shards" / path.stem / f"{shard}.parquet"
        records.write(part, rows.filter(pc.equal(rows["shard"], shard)), records.MANIFEST)


def scores(run: Run, metrics: str) -> None:
    """Scores of all detectors: those of the one that is there, under other names."""
    paths = [path for path in run.inputs("compute_metrics", metrics) if "scores" in path.parts]
    rows = pq.read_table(next(path for path in paths if path.is_file()))
    for path in (path for path in paths if not path.is_file()):
        names = _route(path)
        for name in ROUTE:
            value = pa.array([names[name]] * rows.num_rows, rows.schema.field(name).type)
            rows = rows.set_column(rows.column_names.index(name), name, value)
        records.write(path, rows, records.SCORES)


def _route(path: Path) -> dict[str, str | int]:
    experiment, train_set, seed = path.parts[-3:]
    return {"experiment": experiment, "train_set": train_set, "seed": int(seed.removeprefix("seed").split(".")[0])}


def logits(run: Run, target: str) -> None:
    """What scoring leaves of one detector: a logit cell for each pool, shard and condition, and their index."""
    store, rows, random = Store(run.results / "cells/logits"), [], np.random.default_rng(0)
    for manifest in sorted((run.results / "manifest").glob("*.parquet")):
        tested = pq.read_table(manifest, columns=["shard"], filters=[("split", "=", "test")])["shard"].to_numpy()
        for shard, condition in ((s, c) for s in range(SHARDS) for c in _conditions()):
            name = f"{manifest.stem}_{shard}_{condition}"
            store.write(name, random.normal(size=int((tested == shard).sum())).astype(np.float32), {})
            keys = {"pool": manifest.stem, "shard": shard, "condition": condition, "logits": name}
            rows.append(_route(Path(target)) | keys)
    batch = run.results / "scores/batches/0.parquet"
    batch.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), batch)


def _conditions() -> list[str]:
    return ["clean", "resize_112", "resize_64", "jpeg_q65", "jpeg_q30", "blur_s3", "blur_s5", "fakes_q96", "all_q96"]


def histories(run: Run, figure: str) -> None:
    """What figures read beside metrics and audit: nothing lost, losses that fall."""
    for path in run.inputs("plot", figure):
        if path.name == "history.parquet":
            records.write(path, _history(_route(path.parent / f"{path.parent.name}.parquet")), records.HISTORY)
        elif "losses" in str(path):
            records.write(path, records.from_rows([], records.LOSSES), records.LOSSES)


def _history(route: dict[str, str | int]) -> pa.Table:
    told = {name: 0.5 for name, kind in records.HISTORY.columns.items() if kind == pa.float64()}
    rows = [told | {"epoch": e, "step": 1000 * e, "lost": 0, "kept": e == EPOCHS} for e in range(1, EPOCHS + 1)]
    table = records.from_rows(rows, records.HISTORY)
    for name, value in route.items():
        table = table.append_column(name, pa.array([value] * table.num_rows))
    return table


#: Rule to a job on images, and how many of `drawn`'s n of a pool and a split it works on.
DRAWN = {
    "download": ("results/images/downloads/large.parquet", 2),
    "extract_metadata": ("results/images/manifest/shards/large/0.parquet", 2),
    "align_jpeg": ("results/images/aligned/q96_420_fake/large/0", 2),
    "pack_crops": ("results/images/crops/aligned/large/short_side224of235_grid16_skip_bicubic_x1/0/crops.npy", 2),
    "render_conditions": ("results/images/rendered/large/0.parquet", 1),
}


def drawn(work: Path, n: int) -> Run:
    """A run on n photographs of 500 x 375 pixels and n fakes of 1024 in train and test each, all of it done once."""
    for pool, size, name in (("photographs", (500, 375), "{}.jpg"), ("large", (1024, 1024), "{}.png")):
        for number, split in ((number, split) for number in range(n) for split in ("train", "test")):
            (folder := work / pool / split).mkdir(parents=True, exist_ok=True)
            draw(2 * number + (split == "test"), *size).save(folder / name.format(number), quality=96)
    source = {"kind": "folder", "layout": "splits"}
    pools = [
        {"name": name, "label": label, "source": source | {"root": name}}
        for name, label in (("photographs", "real"), ("large", "fake"))
    ]
    frame = {"kind": "short_side", "size": 224, "short_side": 235}  # GenImage's
    recipe = yaml.safe_load((ROOT / "config/recipes/mini.yaml").read_text()) | {"frame": frame, "crops_per_image": 1}
    config = {
        "schema_version": 1, "data": "images", "report": "images", "pools": pools, "recipes": [recipe],
        "test_sets": [{"name": "large", "fake": "large", "real": "photographs"}],
        "subsets": [{"name": "aligned", "align": {"jpeg_quality": 96, "chroma_subsampling": "4:2:0", "to": "fake"}}],
        "experiments": [{"name": "aligned", "subset": "aligned", "recipe": "mini", "train_sets": "each", "seeds": [0]}],
        "conditions": yaml.safe_load((ROOT / "config/genimage.yaml").read_text())["conditions"],
    }  # fmt: skip
    (work / "images.yaml").write_text(yaml.safe_dump(config))
    run = Run(work, "images.yaml")
    for target, _ in DRAWN.values():
        run.snakemake(target)
    return run
