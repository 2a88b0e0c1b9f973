"""The card of a run: every file by digest, refusals, the page and the crate as others read them."""

import json
from pathlib import Path

import pytest
from blake3 import blake3
from rocrate.rocrate import ROCrate
from safetensors.numpy import save_file

from crossgen import records
from crossgen.commands import describe_run
from crossgen.provenance import card as module
from crossgen.provenance.card_page import anchor

IMAGES = {"reals": 3, "fakes": 2}
CPU, GPU = {"device": "cpu", "precision": "fp32"}, {"device": "NVIDIA <H200>", "precision": "bf16"}
BOTH = {"raw/a/seed0": [CPU], "other/a/seed0": [CPU, GPU]}


def told(folder, place):
    return {"path": place, "blake3": blake3((folder / place).read_bytes()).hexdigest()}


@pytest.fixture
def report(tmp_path):
    """A finished run's files, with a store beside its report, and an ensemble."""
    folder = tmp_path / "results" / "few"
    for place in ("metrics.parquet", "report.html"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(f"<{place}>")
    for name, facts in (("raw", {"judged": {"raw/a/seed0": [CPU]}}), ("both", {"judged": BOTH})):
        path = folder / "scores" / name / "a" / "seed0.parquet"
        path.parent.mkdir(parents=True)
        records.write(path, records.from_rows([], records.SCORES), records.SCORES, facts)
    config = {
        "data": "store", "schema_version": 1, "split_seed": 5, "statistics": {"seed": 7},
        "experiments": [{"name": "raw", "seeds": [0]}],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    store = tmp_path / "results" / "store"
    (store / "detectors/raw/a/seed0").mkdir(parents=True)
    identity = {"experiment": "raw", "train_set": "a", "seed": 0, "generator": "a"}
    training = {"device": "cpu", "precision": "bf16", "commit": "0" * 40 + "+", "threads": 1}
    detector = store / "detectors/raw/a/seed0/detector.safetensors"
    save_file({}, detector, {"crossgen": json.dumps({"identity": identity, "training": training})})
    (store / "manifest").mkdir()
    for pool, count in IMAGES.items():
        rows = [dict.fromkeys(records.MANIFEST.columns) | image(pool, number) for number in range(count)]
        records.write(
            store / "manifest" / f"{pool}.parquet", records.from_rows(rows, records.MANIFEST), records.MANIFEST
        )
    files = {
        "config": told(folder, "config.json"),
        "metrics": told(folder, "metrics.parquet"),
        "page": told(folder, "report.html"),
        "scores": [told(folder, f"scores/{name}/a/seed0.parquet") for name in ("raw", "both")],
        "manifests": [told(folder, f"../store/manifest/{pool}.parquet") for pool in IMAGES],
        "detectors": [told(folder, "../store/detectors/raw/a/seed0/detector.safetensors")],
    }
    run = {"report": "few", "files": files, "made_with": {"numpy": "2.4"}}
    (folder / "run.json").write_text(json.dumps(run))
    (tmp_path / "lock.txt").write_text("torch==2\n")
    bench = folder / "benchmarks" / "report.tsv"
    bench.parent.mkdir()
    bench.write_text("s\tmax_rss\tcpu_time\n4000\t10\t100\n")
    return folder


def image(pool, number):
    return {
        "image_id": f"{pool}/{number}", "path": f"{number}.png", "pool": pool, "source": "x", "shard": 0,
        "split": "test", "label": int(pool == "fakes"), "group": str(number), "stratum": "s", "bytes": 5,
        "published_quality": None,
        "quarantine": "broken" if number == 2 else None,
    }  # fmt: skip


def describe(report, **more):
    folder = report.parents[1]
    words = {
        "run_file": report / "run.json", "lock": folder / "lock.txt", "benchmarks": report / "benchmarks",
        "store_benchmarks": report.parent / "store" / "benchmarks", "jobs": "[]", "weights": [],
        "card": report / "card.json", "page": report / "card.html", "crate": report / "ro-crate-metadata.json",
    }  # fmt: skip
    describe_run.run(type("Options", (), words | more))
    return json.loads((report / "card.json").read_text())


def test_the_card_tells_what_made_the_numbers(report):
    weights = report / "weights.json"
    weights.write_text('{"model": "x", "sha256": "y"}')
    card = describe(report, weights=[weights])
    assert card["run"] == told(report, "run.json")
    assert card["seeds"] == {"split": 5, "statistics": 7, "training": {"raw": [0]}}
    assert card["lock"]["blake3"] == blake3(b"torch==2\n").hexdigest()
    assert [(pool["pool"], pool["images"], pool["quarantined"]) for pool in card["data"]] == [
        ("reals", 3, 1),
        ("fakes", 2, 0),
    ]
    (detector,) = card["detectors"]
    assert (detector["experiment"], detector["device"], detector["precision"]) == ("raw", "cpu", "bf16")
    assert card["weights"] == [{"model": "x", "sha256": "y"}]
    assert [(row["rule"], row["processor_seconds"]) for row in card["spent"]] == [("report", 100)]
    assert card["energy"]["processors_joules"] is None and "no job could read" in card["energy"]["about"]


@pytest.mark.parametrize(
    "place", ["config.json", "../store/manifest/fakes.parquet", "../store/detectors/raw/a/seed0/detector.safetensors"]
)
def test_files_that_are_gone_or_others_are_refused(place, report):
    path = report / place
    whole = path.read_bytes()
    path.write_bytes(whole + b" ")
    with pytest.raises(ValueError, match=r"is not the file that run.json tells of .*run the workflow again"):
        describe(report)
    path.unlink()
    with pytest.raises(ValueError, match=r"Missing .*run the workflow again"):
        describe(report)
    assert not (report / "card.json").exists()


def test_the_page_has_a_line_for_every_file_of_scores(report):
    describe(report)
    page = (report / "card.html").read_text()
    assert f'id="{anchor("raw", "a", 0)}"' in page and f'id="{anchor("both", "a", 0)}"' in page
    assert page.count("an average of detectors") == 1 and "0" * 12 + "+" in page
    assert "1:06:40" in page and "1:40" in page  # wall and processor time
    assert "://" not in page and "default-src 'none'" in page and "<script" not in page


def test_scores_say_what_they_were_computed_on_and_in(report):
    """Of an ensemble all ways of its members; of files that do not tell that it is not known."""
    assert [told["judged"] for told in describe(report)["scores"]] == [[CPU], [CPU, GPU]]
    page = (report / "card.html").read_text()
    assert "<td>cpu, fp32</td>" in page and "<td>cpu, fp32; NVIDIA &lt;H200&gt;, bf16</td>" in page
    assert "<td>cpu, bf16, <code" in page  # its training
    run = json.loads((report / "run.json").read_text())
    for name, facts in (("raw", None), ("both", {"judged": {"raw/a/seed0": [{"device": None, "precision": None}]}})):
        path = report / "scores" / name / "a" / "seed0.parquet"
        records.write(path, records.from_rows([], records.SCORES), records.SCORES, facts)
    assert describe(report)["scores"][0]["judged"] == []
    assert (report / "card.html").read_text().count("<td>not known</td>") == 2
    (report / run["files"]["scores"][0]["path"]).unlink()
    with pytest.raises(ValueError, match=r"Missing .*seed0.parquet: .*run the workflow again"):
        describe(report)


def test_files_behind_tables_lead_back_to_the_images(report):
    run = json.loads((report / "run.json").read_text())
    run["files"]["histories"] = [told(report, f"scores/{name}/a/seed0.parquet") for name in ("raw", "both", "raw")]
    run["files"]["watched"] = []
    (report / "run.json").write_text(json.dumps(run))
    card = describe(report)
    assert [row["role"] for row in card["tables"]] == ["metrics", "histories"]
    assert card["tables"][0]["rests_on"] == ["scores", "manifests"]
    assert card["tables"][0]["files"] == [told(report, "metrics.parquet")]
    page = (report / "card.html").read_text()
    assert 'id="of-metrics"' in page and '<a href="#numbers">scores</a>, <a href="#data">manifests</a>' in page
    assert 'and 1 more: <a href="card.json">' in page and 'id="of-watched"' not in page


def test_energy_is_told_of_the_jobs_that_could_read_it(report):
    (report / "logs").mkdir()
    (report / "logs" / "report.job.json").write_text(
        '{"processor": "Some CPU", "gpus": ["H200"], "processors_joules": 7200000, "gpus_joules": null}'
    )
    energy = describe(report)["energy"]
    assert (energy["processors_joules"], energy["gpus_joules"], energy["metered"], energy["jobs"]) == (
        7.2e6,
        None,
        1,
        1,
    )
    page = (report / "card.html").read_text()
    assert "<th>Some CPU</th><td>H200</td><td>1</td><td>report</td>" in page
    assert "processors 2 kWh, GPUs –, of 1 of 1 jobs" in page and page.count("<td>2 kWh</td>") == 2


def test_texts_of_a_card_are_escaped(report):
    weights = report / "weights.json"
    weights.write_text('{"model": "<script>alert(1)</script>"}')
    describe(report, weights=[weights])
    assert "<script" not in (report / "card.html").read_text()


def test_the_crate_is_read_by_its_library(report):
    describe(report)
    crate = ROCrate(report)
    assert crate.name == "crossgen run few"
    files = {entity.id: entity for entity in crate.data_entities}
    assert set(files) >= {"config.json", "metrics.parquet", "report.html", "scores/raw/a/seed0.parquet"}
    assert not any(name.startswith("..") for name in files)
    assert files["metrics.parquet"]["identifier"] == f"blake3:{told(report, 'metrics.parquet')['blake3']}"
    action = crate.dereference("#run")
    assert {each.id for each in action["result"]} >= {"metrics.parquet", "report.html"}
    assert any("manifest/reals.parquet" in each.id for each in action["object"])


def test_without_a_lock_it_says_so(report):
    (report.parents[1] / "lock.txt").unlink()
    assert describe(report)["lock"] is None
    assert "not known" in (report / "card.html").read_text()


def test_it_is_the_card_of_this_code(report):
    assert describe(report)["code"]["commit"] == module.commit() and Path(module.__file__).is_file()
