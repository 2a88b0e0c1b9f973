"""What crossgen plan reckons with: counts, sizes, costs, the clock."""

import csv
import json
import re
import shutil
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from crossgen import records
from crossgen.config import ArchiveSource, DataverseSource, Frame, HuggingFaceSource, Recipe, VolumesSource
from crossgen.config.loading import load
from crossgen.data.fetch.deposit import Deposit, Deposited, remember
from crossgen.detectors.zoo import build
from crossgen.plan import counts, downloads, measured, networks, printing
from crossgen.plan.asked import Job
from crossgen.plan.clock import Timed, wall
from crossgen.plan.costs import estimate, table
from crossgen.plan.counts import Count, count
from crossgen.plan.measured import Ratio
from crossgen.plan.trained import Chosen, chosen, seen
from crossgen.plan.units import UNITS
from toys import ROOT, described, toy_config, write_tables


def timed(seconds: float, *needs: int, **takes: int) -> Timed:
    return Timed(seconds, takes or {"cores": 1}, frozenset(needs))


def recipe(**changes: object) -> Recipe:
    told = {"name": "r", "architecture": "timm", "options": {"model": "resnet50", "pretrained": False}}
    told |= {"frame": {"kind": "crop", "size": 224}, "optimiser": {"lr": 0.1}, "steps": 10, "batch_size": 4}
    return Recipe.model_validate_json(json.dumps(told | changes))


def places(folder: Path, names: tuple[str, ...], **more: object) -> dict:
    return {
        "manifests": {name: str(folder / "manifest" / f"{name}.parquet") for name in names},
        "listings": {name: str(folder / "downloads" / f"{name}.parquet") for name in names},
        "fetched_for": {},
        "selections": {},
    } | more


# ------------------------------------------------------------------------------------------------------------ the clock
def test_jobs_run_side_by_side_as_far_as_there_are_cores():
    four = {place: timed(10) for place in range(4)}
    assert [wall(four, {"cores": n}) for n in (1, 2, 3, 4, 9)] == [40, 20, 20, 10, 10]
    assert wall({}, {"cores": 1}) == 0


def test_a_job_waits_for_what_it_needs_and_for_nothing_that_is_there():
    chain = {0: timed(5), 1: timed(7, 0), 2: timed(1, 0, 1), 3: timed(2, 99)}
    assert wall(chain, {"cores": 8}) == 13


def test_a_job_that_asks_for_more_than_there_is_gets_all():
    jobs = {0: timed(5, cores=16), 1: timed(5, cores=1)}
    assert wall(jobs, {"cores": 2}) == 10 and wall(jobs, {"cores": 17}) == 5


def test_gpus_are_shared_out_too():
    jobs = {place: timed(10, cores=1, gpu=1) for place in range(4)}
    assert wall(jobs, {"cores": 8, "gpu": 2}) == 20 and wall(jobs, {"cores": 8}) == 10


# ------------------------------------------------------------------------------------------------------------ the table
def test_every_rule_that_is_a_job_has_its_costs():
    text = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert set(re.findall(r"^rule (\w+):$", text, re.M)) <= set(table())
    assert set(UNITS) <= set(table()) and all("job" in rows for rows in table().values())


def test_every_figure_says_where_it_comes_from():
    for name in ("costs.csv", "networks.csv", "published.csv"):
        lines = files("crossgen.plan").joinpath(name).read_text(encoding="utf-8").splitlines()
        rows = list(csv.DictReader(lines))
        assert len(rows) > 10 and all(row["source"] and None not in row for row in rows)
    rows = list(csv.DictReader(files("crossgen.plan").joinpath("costs.csv").read_text().splitlines()))
    assert all("on paper" in row["source"] for row in rows if float(row["gpu_seconds"]))


def test_costs_grow_with_the_work_and_unknown_work_is_said():
    one, two = (estimate("align_jpeg", {"png_megapixel": n}, 1, 0) for n in (100.0, 200.0))
    assert two.cpu - one.cpu == pytest.approx(5.5) and two.bytes == 2 * one.bytes
    assert estimate("align_jpeg", {"png_megapixel": 100.0}, 4, 0).wall < one.wall / 2
    start = estimate("align_jpeg", None, 1, 0)
    assert not start.is_whole and 0 < start.cpu < one.cpu
    assert not estimate("another_rule", {}, 1, 0).is_whole


def test_on_a_gpu_the_slower_of_network_and_decoding_decides():
    units = {"gigamac": 1e7, "image": 0.0}
    alone, gpus = estimate("train_detector", units, 16, 1), estimate("train_detector", units, 16, 2)
    assert alone.wall == pytest.approx(8 + 135) and gpus.wall == pytest.approx(8 + 67.5)
    fed = estimate("train_detector", units | {"png_megapixel": 1e6}, 16, 1)
    assert fed.wall == pytest.approx(8 + 43500 / 16)
    assert estimate("train_detector", units, 16, 0).wall > 50 * alone.wall


def test_what_was_measured_multiplies_the_table():
    ratio = Ratio()
    ratio.add(30.0, 20.0, (10.0, 10.0))
    ratio.add(10.0, 20.0, (10.0, 10.0))
    corrected = estimate("tabulate", {}, 1, 0).times(*ratio.factors)
    assert ratio.jobs == 2 and (corrected.cpu, corrected.wall) == (4.0, 4.0)


@pytest.mark.parametrize(
    ("row", "expected"),
    [("4.5\t3.25", (3.25, 4.5)), ("4.5\t0.00", None), ("4.5\tNA", None), ("0.0\t-", None), ("", None)],
)
def test_a_job_that_was_not_measured_in_time_says_nothing(tmp_path, row, expected):
    (tmp_path / "x.tsv").write_text(f"s\tcpu_time\n{row}\n")
    assert measured._seconds(tmp_path / "x.tsv") == expected
    assert measured._seconds(tmp_path / "absent.tsv") is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.1, "0 s"), (0.7, "1 s"), (4.44, "4.4 s"), (90, "1.5 min"), (36e5, "1,000 h")]
)
def test_times_have_two_digits(seconds, said):
    assert printing._time(seconds) == said


# --------------------------------------------------------------------------------------------------------- the networks
@pytest.mark.parametrize(
    ("architecture", "options", "size"),
    [("residual", {"model": "test_resnet"}, 96), ("timm", {"model": "resnet18"}, 224), ("npr", {}, 256)],
)
def test_the_table_of_networks_is_what_torch_counts(architecture, options, size):
    told = recipe(architecture=architecture, options=options, frame={"kind": "crop", "size": size})
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        build(told).eval()(torch.zeros(1, 3, size, size))
    assert networks.is_known(told)
    assert networks.gigamacs(told, None) == pytest.approx(counter.get_total_flops() / 2e9, rel=0.01)


def test_a_network_costs_by_the_pixels_it_sees():
    assert networks.gigamacs(recipe(), None) == pytest.approx(4.087)
    cropped = recipe(frame={"kind": "crop", "size": 256}, augment=[{"step": "random_crop", "size": 112}])
    assert networks.gigamacs(cropped, None, training=True) == pytest.approx(4.087 / 4)
    whole = recipe(frame={"kind": "whole", "size": 32}, training_frame={"kind": "crop", "size": 224})
    assert networks.gigamacs(whole, 0.448 * 0.224) == pytest.approx(2 * 4.087)
    mine = recipe(architecture="my.package:Net", options={})
    assert not networks.is_known(mine) and networks.gigamacs(mine, None) == networks.gigamacs(recipe(), None)
    assert networks.weights_bytes("resnet50") == pytest.approx(94e6, rel=0.01)
    assert networks.weights_bytes("mine") is None


def test_a_training_sees_its_steps_or_its_epochs():
    images = Chosen({("train", "real"): 100, ("train", "fake"): 60, ("val", "real"): 10, ("val", "fake"): 10})
    assert seen(recipe(), images)[0] == 40
    learnt, judged = seen(recipe(steps=None, epochs=3), images)  # 50 steps of two reals and two fakes an epoch
    assert (learnt, judged) == (600, 60)
    splits = {"n": 3, "augment": []}
    assert seen(recipe(steps=None, epochs=3, balance="none", splits=splits), images)[0] == 3 * 3 * 160


# ----------------------------------------------------------------------------------------------------------- the images
def test_images_are_counted_in_folders_and_tables(pools, tmp_path):
    write_tables(pools)
    (tmp_path / "c.yaml").write_text(json.dumps(toy_config(pools)))
    config = load([tmp_path / "c.yaml"])
    found = count(config.pools[1], config, places(tmp_path, ("photographs", "checker", "stripes")))
    assert (found.total, found.images["test"], found.source, found.png) == (48, 24, "table", 1.0)
    assert found.megapixels == pytest.approx(112 * 112 / 1e6)
    folder = config.pools[1].model_copy(update={"source": _folder(pools / "checker")})
    assert count(folder, config, places(tmp_path, ("checker",))).total == 48
    gone = config.pools[1].model_copy(update={"source": _folder(tmp_path / "gone")})
    found = count(gone, config, places(tmp_path, ("checker",)))
    assert found.total is None and f"no folder {tmp_path / 'gone'}" in found.remedy


def test_a_manifest_counts_more_closely_than_its_table(pools, tmp_path):
    """Also which share of the images is lossless: PNG takes other times to decode."""
    write_tables(pools)
    (tmp_path / "c.yaml").write_text(json.dumps(toy_config(pools)))
    config, there = load([tmp_path / "c.yaml"]), places(tmp_path, ("photographs", "checker", "stripes"))
    for pool in config.pools[:2]:
        path = Path(there["manifests"][pool.name])
        path.parent.mkdir(exist_ok=True)
        records.write(path, described(pools, pool.name, pool.label), records.MANIFEST)
        found = count(pool, config, there)
        assert (found.source, found.png) == ("manifest", float(pool.label == "fake"))


def _folder(root: Path):
    from crossgen.config import FolderSource

    return FolderSource(kind="folder", root=str(root))


def test_a_large_folder_is_not_walked_to_its_end(pools, tmp_path, monkeypatch):
    monkeypatch.setattr(counts, "WALKED", 20)
    (tmp_path / "c.yaml").write_text(json.dumps(toy_config(pools)))
    config = load([tmp_path / "c.yaml"])
    large = config.pools[1].model_copy(update={"source": _folder(pools / "checker")})
    found = count(large, config, places(tmp_path, ("checker",)))
    assert found.total is None and "holds over 20 files: `snakemake downloads` counts them" in found.remedy


def test_genimage_is_what_was_published_and_a_part_of_it_a_part():
    config = load([ROOT / "config" / "genimage.yaml"])
    at = places(Path("nowhere"), tuple(pool.name for pool in config.pools))
    found = {pool.name: count(pool, config, at) for pool in config.pools}
    fakes = [item.total for name, item in found.items() if not name.endswith("_real")]
    assert sum(fakes) == 1_350_000 and sum(item.total for item in found.values()) == 2_681_167
    assert sum(item.images["test"] for item in found.values()) == 100_000
    size = sum(item.total * item.bytes for item in found.values())
    assert size == pytest.approx(downloads.WHOLE, rel=0.01)  # the bytes of an image add up to the deposit's
    sample = load([ROOT / "config" / "genimage_sample.yaml"])
    assert count(sample.pools[0], sample, at).total == 1680
    members = sample.pools[0].source.members.model_copy(update={"fraction": 1.0, "per_class": 2, "splits": ("test",)})
    pool = sample.pools[0].model_copy(update={"source": sample.pools[0].source.model_copy(update={"members": members})})
    assert count(pool, sample, at).images == {"train": 0, "val": 0, "test": 2000}


def test_a_train_set_is_what_its_subset_keeps_at_most():
    config = load([ROOT / "config" / "genimage.yaml"])
    at = places(Path("nowhere"), tuple(pool.name for pool in config.pools))
    found = {pool.name: count(pool, config, at) for pool in config.pools}
    classic = chosen(config, at, found, "classic/sd14")
    assert classic.of("train") == found["sd14"].images["train"] + found["sd14_real"].images["train"]
    assert not classic.at_most and chosen(config, at, found, "constrained/sd14").at_most
    jpeg = chosen(config, at, found, "jpeg96/sd14")
    assert jpeg.images["train", "real"] == jpeg.images["train", "fake"] == 37_000 and not jpeg.at_most
    assert chosen(config, at, found | {"sd14": Count({})}, "classic/sd14") is None


# -------------------------------------------------------------------------------------------------------- the downloads
def fetched(source, folder: Path) -> downloads.Download:
    """What `fetch` of a source would bring."""
    asked = SimpleNamespace(
        config=SimpleNamespace(pools=()), places={"fetches": {"x": source.model_dump(mode="json")}}, running=[]
    )
    job = Job("fetch", {"fetched": "x"}, (), 1, 1, 1, None, True, None, ("x.json",), (), None, True, ())
    return downloads.Downloads(asked, {}).of(job)


def test_a_deposit_is_brought_less_what_lies_there(tmp_path):
    source = DataverseSource(kind="genimage_dataverse", root=str(tmp_path), subset="adm", mode="whole")
    assert fetched(source, tmp_path).bytes == 653_808_797_076
    (tmp_path / "GenImage.z000").write_bytes(b"x" * 1000)
    assert fetched(source, tmp_path).bytes == 653_808_797_076 - 1000
    part = Deposited("GenImage.z000", 5000, "md5", "0" * 32, "/1")
    other = Deposited("genimage_metadata.csv", 70, "md5", "0" * 32, "/2")
    remember(tmp_path, Deposit(source.server, source.doi, (part, other)))
    told = fetched(source, tmp_path)
    assert (told.bytes, told.source) == (4070, "the deposit's list of files")
    shutil.rmtree(tmp_path / ".crossgen")
    partial = source.model_copy(update={"mode": "partial", "root": str(tmp_path / "empty")})
    assert fetched(partial, tmp_path).bytes == downloads.DIRECTORY + downloads.METADATA


def test_volumes_are_brought_by_links_alone(tmp_path):
    told = {"kind": "genimage_volumes", "root": str(tmp_path), "subset": "biggan", "volumes": str(tmp_path / "v")}
    assert fetched(VolumesSource(**told), tmp_path).bytes == 0
    stem = "imagenet_ai_0419_biggan"
    names = [*(f"{stem}.z{n:02d}" for n in range(1, 8)), f"{stem}.zip"]
    links = tmp_path / "links.csv"
    links.write_text("volume,url\n" + "".join(f"{name},http://127.0.0.1/{name}\n" for name in names))
    source = VolumesSource(**told, links=str(links))
    whole = fetched(source, tmp_path).bytes
    assert whole == pytest.approx(23_516_377_048, rel=0.1)  # as published of this archive
    (tmp_path / "v").mkdir()
    for name in names[:4]:
        (tmp_path / "v" / name).write_bytes(b"x")
    assert fetched(source, tmp_path).bytes == pytest.approx(whole / 2)


def test_what_only_a_server_knows_is_unknown_and_says_so(tmp_path):
    digest = "0" * 64
    far = ArchiveSource(kind="archive", root=str(tmp_path), url="https://example.org/a.zip", sha256=digest)
    near = ArchiveSource(kind="archive", root=str(tmp_path), url=str(tmp_path / "a.zip"), sha256=digest)
    hub = HuggingFaceSource(kind="huggingface", root=str(tmp_path), repository="a/b", revision="0" * 40)
    assert fetched(far, tmp_path).bytes is None and "was not asked" in fetched(far, tmp_path).source
    assert fetched(near, tmp_path).bytes == 0
    assert fetched(hub, tmp_path).bytes is None


def test_pixels_too_large_to_keep_are_no_cells():
    from crossgen.plan.cells import Pixels

    frame = Frame(kind="crop", size=100)
    item = Pixels("a", 0, frame, 1000.0, {"clean": "()", "same": "()", "blur": "(b)"}, {})
    assert item.distinct == 2 and item.gigabytes(2) == pytest.approx(0.06)
    whole = Pixels("a", 0, Frame(kind="whole", size=32), 1000.0, {}, {})
    assert whole.gigabytes(1) == float("inf")
