"""Energy of a job, from stand-ins of the kernel's counters and of NVIDIA's library."""

import json
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from crossgen import metering
from crossgen.metering import Meter, graphics, metered, packages
from toys import ROOT

AROUND = 262_143_328_850


def zone(folder, name, kind, energy, around=AROUND):
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    for file, text in (("name", kind), ("energy_uj", energy), ("max_energy_range_uj", around)):
        (path / file).write_text(f"{text}\n")
    return path


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    monkeypatch.setattr(metering, "POWERCAP", tmp_path / "powercap")
    monkeypatch.setattr(metering, "DRIVER", tmp_path / "none")
    zone(tmp_path / "powercap", "intel-rapl:0", "package-0", 5_000_000)
    zone(tmp_path / "powercap", "intel-rapl:1", "package-1", AROUND - 1_000_000)
    zone(tmp_path / "powercap", "intel-rapl:0:0", "core", 1)
    zone(tmp_path / "powercap", "intel-rapl:2", "psys", 1)
    return tmp_path / "powercap"


def test_packages_alone_are_counted_and_come_round(powercap, tmp_path, monkeypatch):
    monkeypatch.setenv(metering.ASKED, str(tmp_path / "job.json"))
    with metered():
        zone(powercap, "intel-rapl:0", "package-0", 7_500_000)
        zone(powercap, "intel-rapl:1", "package-1", 500_000)
        zone(powercap, "intel-rapl:0:0", "core", 900_000_000)
    told = json.loads((tmp_path / "job.json").read_text())
    assert (told["processors_joules"], told["gpus_joules"]) == (pytest.approx(2.5 + 1.5), None)
    assert told["gpus"] == [] and told["processor"]


def test_a_long_job_is_read_meanwhile():
    steps = iter([0, 80, 60, 40, 20])  # of 100: it comes round with every reading
    latest = [0]

    def read():
        latest[0] = next(steps, latest[0])
        return {"x": (latest[0] * 1_000_000, 100_000_000)}

    meter = Meter(read, every=0.01)
    deadline = time.monotonic() + 10
    while latest[0] != 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert meter.stop() == 80 + 3 * 80


def test_what_cannot_be_read_is_null(tmp_path, monkeypatch):
    for name in ("POWERCAP", "DRIVER", "CPUINFO"):
        monkeypatch.setattr(metering, name, tmp_path / "none")
    monkeypatch.setenv(metering.ASKED, str(tmp_path / "job.json"))
    with metered():
        pass
    told = json.loads((tmp_path / "job.json").read_text())
    assert told == {"processor": None, "gpus": [], "processors_joules": None, "gpus_joules": None}


def test_counters_that_root_alone_may_read_are_none(powercap):
    for path in powercap.glob("*/energy_uj"):
        path.unlink()  # a test may run as root, who may read all
        path.mkdir()
    assert packages() == {}


def test_nobody_asked_nothing_is_read(powercap, monkeypatch):
    monkeypatch.delenv(metering.ASKED, raising=False)
    monkeypatch.setattr(metering, "packages", lambda: pytest.fail("read"))
    with metered():
        pass


@pytest.mark.parametrize("name", ["RANK", "SLURM_PROCID"])
def test_of_several_processes_the_first_writes(name, powercap, tmp_path, monkeypatch):
    monkeypatch.setenv(metering.ASKED, str(tmp_path / "job.json"))
    for number, writes in (("1", False), ("0", True)):
        monkeypatch.setenv(name, number)
        with metered():
            pass
        assert (tmp_path / "job.json").exists() == writes


def test_a_failing_job_is_told_of_and_fails_as_it_did(powercap, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(metering.ASKED, str(tmp_path / "nowhere" / "job.json"))
    with pytest.raises(ValueError, match="mine"), metered():
        raise ValueError("mine")
    assert "is not recorded" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "joules"), [(None, 7), ("0", 1), ("1,2", 6), ("", 0), ("GPU-b", 2), ("GPU-c-full,0", 5)]
)
def test_gpus_are_those_that_the_job_may_use(told, joules, tmp_path, monkeypatch):
    used = [0]
    nvml = SimpleNamespace(
        NVMLError=RuntimeError, nvmlInit=lambda: None, nvmlDeviceGetCount=lambda: 3,
        nvmlDeviceGetHandleByIndex=lambda i: i, nvmlDeviceGetUUID=lambda i: f"GPU-{'abc'[i]}-full",
        nvmlDeviceGetName=lambda i: f"GPU {i}",
        nvmlDeviceGetTotalEnergyConsumption=lambda i: 10**9 + used[0] * 2**i,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(metering, "DRIVER", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if told is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    monkeypatch.setenv(metering.ASKED, str(tmp_path / "job.json"))
    with metered():
        used[0] = 1000  # millijoules of the first
    found = json.loads((tmp_path / "job.json").read_text())
    assert (found["gpus_joules"] or 0) == pytest.approx(joules)
    assert sum(2 ** int(name[-1]) for name in found["gpus"]) == joules


def test_a_driver_that_fails_is_no_energy(tmp_path, monkeypatch):
    def broken():
        raise RuntimeError("no library")

    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(NVMLError=RuntimeError, nvmlInit=broken))
    monkeypatch.setattr(metering, "DRIVER", tmp_path)
    assert graphics() == {}


def test_the_library_is_there():
    import pynvml

    for name in (
        "nvmlInit",
        "nvmlDeviceGetTotalEnergyConsumption",
        "nvmlDeviceGetUUID",
        "nvmlDeviceGetName",
        "NVMLError",
    ):
        assert hasattr(pynvml, name)


def test_a_job_of_the_workflow_is_asked_beside_its_log(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "x.job.json").write_text("of an earlier attempt")
    script = f"source '{ROOT}/workflow/job.sh'; logged logs/x.log bash -c 'echo $CROSSGEN_JOB; ls logs'"
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True)
    assert (tmp_path / "logs" / "x.log").read_text().split() == ["logs/x.job.json", "x.log"]
