"""What is refused before jobs are sent to a cluster, and what is only warned of: with stand-ins for its programs."""

import math
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from checkout import Checkout
from crossgen import cluster, partitions
from crossgen.cluster import Refused, examine
from crossgen.partitions import Asked, Partition

#: As SLURM 22.05 says it.
SETTINGS = """\
Configuration data as of 2026-11-22T14:17:21
AccountingStorageEnforce = none
AccountingStorageType   = accounting_storage/none
MinJobAge               = 300 sec
SLURM_VERSION           = 22.05.8
"""
SHOWN = """\
PartitionName=cpu AllowGroups=ALL AllowAccounts=ALL Default=YES QoS=N/A MaxNodes=UNLIMITED MaxTime=1-00:00:00 \
Nodes=n[1-2] State=UP TotalCPUs=16 TotalNodes=2 MaxMemPerNode=UNLIMITED TRES=cpu=16,mem=40000M,node=2,billing=16
PartitionName=gpu AllowGroups=ALL AllowAccounts=ALL Default=NO QoS=N/A MaxNodes=UNLIMITED MaxTime=12:00:00 Nodes=n3 \
State=UP TotalCPUs=8 TotalNodes=1 MaxMemPerNode=15000 TRES=cpu=8,mem=20000M,node=1,billing=8
PartitionName=old Default=NO MaxTime=UNLIMITED Nodes=n4 State=DRAIN MaxMemPerNode=UNLIMITED
"""
SIZES = """\
cpu|8|20000|(null)
cpu|16|10000|(null)
gpu|8|20000|gpu:a100:2(S:0-1),gpu:fake:1
old|4|8000|(null)
"""
NO_CONTROLLER = "slurm_load_ctl_conf error: Unable to contact slurm controller (connect failure)"
NO_ACCOUNTS = "Slurm accounting storage is disabled"
JOB = Asked("align_jpeg", "cpu", minutes=60, memory_mb=1000, cores=1)


class Programs:
    """Programs that say what they are told to, alone on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.say("sbatch", "")
        self.say("squeue", "")
        self.say("sacct", NO_ACCOUNTS, 1)
        self.say("sacctmgr", "bench\nbench\nother\n")
        self.say("sinfo", SIZES)
        self.say("config", SETTINGS)
        self.say("partition", SHOWN)
        script = f'#!/bin/sh\nexec {folder}/"$2" "$@"\n'
        self.write("scontrol", script)

    def say(self, name: str, text: str, status: int = 0) -> None:
        (self.folder / f"{name}.txt").write_text(text)
        self.write(name, f"#!/bin/sh\n/bin/cat {self.folder}/{name}.txt\nexit {status}\n")

    def write(self, name: str, script: str) -> None:
        (self.folder / name).write_text(script)
        (self.folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path, monkeypatch) -> Programs:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Programs(tmp_path)


def test_what_fits_is_silent(programs):
    fitting = [JOB, Asked("train_detector", "gpu", "", 720, 15000, 8, 3), Asked("plot", "", "", 10, 600, 1)]
    assert examine(fitting, "squeue") == []


@pytest.mark.parametrize("name", ["sbatch", "squeue"])
def test_a_machine_without_slurm_is_refused(programs, name):
    (programs.folder / name).unlink()
    with pytest.raises(Refused, match=rf"No {name} on this machine's PATH.*login node.*profiles/local"):
        examine([JOB], "squeue")


def test_our_own_sbatch_is_none(programs, tmp_path_factory, monkeypatch):
    """It lies on PATH before the real one, and hands on to it."""
    monkeypatch.setattr(cluster, "OURS", tmp_path_factory.mktemp("ours"))
    (programs.folder / "sbatch").rename(cluster.OURS / "sbatch")
    monkeypatch.setenv("PATH", f"{cluster.OURS}{os.pathsep}{programs.folder}")
    with pytest.raises(Refused, match="No sbatch on this machine's PATH"):
        examine([JOB], "squeue")


def test_a_controller_that_does_not_answer_is_refused(programs):
    programs.say("config", NO_CONTROLLER, 1)
    with pytest.raises(Refused, match=r"controller does not answer \(slurm_load_ctl_conf error.*scontrol ping"):
        examine([JOB], "squeue")


def test_sacct_without_accounts_is_refused(programs):
    with pytest.raises(Refused, match=r"keeps no accounts.*`slurm-status-command: squeue` in .*slurm/config.yaml"):
        examine([JOB], "sacct")


def test_sacct_with_accounts_is_used(programs):
    programs.say("sacct", "")
    assert examine([JOB], "sacct") == []


def test_squeue_that_forgets_is_refused_where_accounts_know_better(programs):
    programs.say("config", SETTINGS.replace("300 sec", "60 sec").replace("storage/none", "storage/slurmdbd"))
    with pytest.raises(Refused, match=r"forgets jobs 60 s after.*`slurm-status-command: sacct`"):
        examine([JOB], "squeue")
    programs.say("config", SETTINGS.replace("300 sec", "60 sec"))
    (warning,) = examine([JOB], "squeue")
    assert "forgets jobs 60 s after" in warning and "Ask for a MinJobAge of 300" in warning


def test_an_unknown_partition_is_refused_with_the_choices(programs):
    jobs = [Asked("train_detector", "dgx,gpu"), Asked("align_jpeg", "dgx"), JOB]
    with pytest.raises(Refused) as caught:
        examine(jobs, "squeue")
    lines = str(caught.value).splitlines()
    assert len(lines) == 2 and "no partition 'dgx', which rule align_jpeg asks for" in lines[0]
    assert lines[1].endswith("expected one of cpu, gpu, old (slurm_partition in the profile (slurm/config.yaml)).")


def test_no_partition_needs_a_default_or_a_choice(programs):
    programs.say("partition", SHOWN.replace("Default=YES", "Default=NO"))
    with pytest.raises(Refused, match="Rule plot names no partition, and this cluster has no default"):
        examine([Asked("plot")], "squeue")
    assert examine([Asked("plot", minutes=1e6)], "squeue", chooses=True) == []


def test_an_account_of_others_is_refused_where_accounts_are_kept(programs):
    jobs = [Asked("plot", "cpu", account="Bench, theirs")]
    assert examine(jobs, "squeue") == []
    programs.say("config", SETTINGS.replace("storage/none", "storage/slurmdbd"))
    with pytest.raises(Refused, match=r"slurm_account 'theirs' is none of .*'s on this cluster: .* bench, other"):
        examine(jobs, "squeue")
    programs.say("sacctmgr", "no such thing", 1)
    assert "no such thing" in examine(jobs, "squeue")[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"minutes": 721}, r"721 minutes, and partition gpu gives at most 720: .*`train_minutes`"),
        ({"memory_mb": 15001}, r"15001 MB of memory on a node, and partition gpu gives at most 15000"),
        ({"cores": 9}, r"9 processor cores on a node, and partition gpu gives at most 8: .*`train_threads`"),
        ({"gpus": 4}, r"4 GPUs on a node, and partition gpu gives at most 3: .*`train_nodes`"),
        ({"partition": "cpu", "gpus": 1}, r"1 GPUs on a node, and partition cpu gives at most 0"),
        ({"partition": "cpu,gpu", "minutes": 1441}, r"partition cpu or gpu gives at most 1440"),
        ({"partition": "old"}, r"Partition old is closed for now: jobs of rule train_detector will wait"),
    ],
)
def test_what_has_no_room_is_warned_of(programs, changes, words):
    job = Asked(**({"rule": "train_detector", "partition": "gpu"} | changes))
    (warning,) = examine([job], "squeue")
    assert re.search(words, warning), warning


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("config", "Kiwi", 0),
        ("config", "scontrol: error: invalid protocol", 1),
        ("partition", "No partitions in the system", 0),
        ("partition", "x", 2),
        ("sinfo", "sinfo: error: Unknown option", 1),
    ],
)
def test_unexpected_words_are_warned_of_and_never_refused(programs, name, text, status):
    programs.say(name, text, status)
    (warning,) = examine([JOB, Asked("train_detector", "cpu", memory_mb=11000)], "squeue")
    assert text in warning and "goes on unchecked" in warning


def test_lines_of_sizes_that_are_not_understood_limit_nothing(programs):
    programs.say("sinfo", "cpu|many\nhello\ngpu|8+|x|(null)\n")
    assert examine([Asked("x", "cpu", cores=99, gpus=9), Asked("y", "gpu", memory_mb=14000)], "squeue") == []


def test_a_program_that_hangs_or_is_gone_is_warned_of(programs, monkeypatch):
    programs.write("config", "#!/bin/sh\nexec /bin/sleep 60\n")
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    assert "no answer in 0 s" in examine([JOB], "squeue")[0]
    (programs.folder / "scontrol").unlink()
    told = examine([JOB], "squeue")
    assert len(told) == 2 and all("No such file" in text for text in told)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("1-00:00:00", 1440), ("2-01:30:30", 2970.5), ("00:30:00", 30), ("UNLIMITED", math.inf), ("?", math.inf)],
)
def test_times_are_read(text, minutes):
    assert partitions.minutes_of(text) == minutes


def test_partitions_are_read():
    found = partitions.partitions(SHOWN, SIZES)
    assert found["cpu"] == Partition("cpu", True, True, 1440, 20000, 16, 0)
    assert found["gpu"] == Partition("gpu", False, True, 720, 15000, 8, 3)
    assert found["old"] == Partition("old", False, False, math.inf, 8000, 4, 0)


def job(rule: str = "train_detector", local: bool = False, threads: int = 1, **resources: object) -> SimpleNamespace:
    return SimpleNamespace(rule=SimpleNamespace(name=rule), is_local=local, threads=threads, resources=resources)


def test_what_jobs_ask_for_is_read_of_their_resources():
    jobs = [
        job(threads=4, slurm_partition="gpu", slurm_account=7, runtime=60, mem_mb=2000, gpu=2, nodes=1),
        job(threads=4, gpu=4, nodes=2, gres="gpu:a100:2", mpi="srun", cpus_per_task=2, tasks_per_node=2),
        job("align_jpeg", runtime="<TBD>", mem_mb="<TBD>"),
        job("align_jpeg", runtime="<TBD>", mem_mb="<TBD>"),
        job("gather_manifest", local=True),
        job("elsewhere", cluster="other"),
    ]
    assert partitions.asked(jobs) == {
        Asked("train_detector", "gpu", "7", 60, 2000, 4, 2),
        Asked("train_detector", "", "", 0, 0, 4, 2),
        Asked("align_jpeg", "", "", 0, 0, 1, 0),
    }


def test_a_run_is_refused_before_a_job_is_sent(programs, tmp_path_factory, monkeypatch):
    """Snakemake itself, with our profile and a partition that is not there; a dry run needs no cluster."""
    folder = tmp_path_factory.mktemp("refused")
    checkout = Checkout(folder / "run")
    words = ("--profile", "slurm", "--default-resources", "slurm_partition=dgx", "mem_mb=1000")
    programs.write("which", '#!/bin/sh\ncommand -v "$1"\n')
    monkeypatch.setattr("os.defpath", f"{programs.folder}:/usr/bin:/bin")  # the environment of the run
    programs.write("sbatch", f"#!/bin/sh\n/usr/bin/touch {folder}/sent\necho 1\n")
    output = checkout.snakemake(*words, check=False)
    assert "This run cannot be sent to the cluster" in output and "no partition 'dgx', which rule" in output
    assert "expected one of cpu, gpu, old" in output and "Traceback" not in output
    assert not (folder / "sent").exists()
    assert "cannot be sent" not in checkout.snakemake("-n", *words)
