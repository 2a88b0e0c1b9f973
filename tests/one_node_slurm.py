"""A real SLURM of one node on loopback: no systemd, no munge, no cgroups, no database; fake GPUs and processors.

Needs slurmctld and slurmd (Debian: slurmctld slurmd slurm-client) and no privileges beyond those of its user. Anyone
who reaches its ports may run jobs as that user, so both daemons listen on loopback only.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PROGRAMS = ("srun", "sbatch", "squeue", "sacct", "scontrol", "sinfo", "scancel", "sacctmgr", "sshare")
SBIN = f"{os.defpath}:/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin"

CONFIG = """\
ClusterName=crossgen
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={state}/controller
SlurmdSpoolDir={spool}
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/slurmd.log
SlurmctldTimeout=30
SlurmdTimeout=60
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
# without cgroups memory is watched, not confined
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
# more processors than there are
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=200
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,sched_min_interval=0,bf_interval=2
MinJobAge=3600
KillWait=20
InactiveLimit=0
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:fake:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=1-0 State=UP PriorityTier=10 PreemptMode=off
PartitionName=gpu Nodes={host} MaxTime=1-0 State=UP PriorityTier=10 PreemptMode=REQUEUE
PartitionName=low Nodes={host} MaxTime=1-0 State=UP PriorityTier=1 PreemptMode=REQUEUE
"""


def lacking() -> list[str]:
    """Programs of SLURM that are not installed."""
    return [name for name in ("slurmctld", "slurmd", "sbatch", "squeue") if shutil.which(name, path=SBIN) is None]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cluster:
    """Its folder `state` holds everything; `start`, then use `environment` for what submits jobs, then `stop`."""

    state: Path
    cpus: int = 8
    gpus: int = 4
    memory: int = 20000

    def start(self) -> None:
        """Write the configuration, start both daemons, wait until the node takes jobs."""
        for name in ("controller", "devices", "programs"):
            (self.state / name).mkdir(parents=True)
        ports = {"controller_port": free_port(), "node_port": free_port()}
        told = {"host": socket.gethostname().split(".")[0], "user": getpass.getuser(), "state": self.state}
        told["spool"] = self.spool
        sizes = {"cpus": self.cpus, "gpus": self.gpus, "memory": self.memory}
        self.config.write_text(CONFIG.format(**told, **ports, **sizes))
        # SLURM takes a GPU for one if it has a device; the number at its end is what CUDA_VISIBLE_DEVICES says
        for number in range(self.gpus):
            (self.state / "devices" / f"nvidia{number}").symlink_to("/dev/null")
        device = f"{self.state}/devices/nvidia[0-{self.gpus - 1}]"
        (self.state / "gres.conf").write_text(f"NodeName={told['host']} Name=gpu Type=fake File={device}\n")
        self._wrap()
        self.start_controller(fresh=True)
        self._daemon("slurmd", "-N", told["host"])
        self.wait(lambda: self.run("sinfo", "-h", "-o", "%T").strip() == "idle", 20, "an idle node")

    @cached_property
    def spool(self) -> Path:
        """Where the node's sockets lie. A socket's path holds 108 characters: too few below a test's folder."""
        return Path(tempfile.mkdtemp(prefix="slurmd-"))

    @property
    def config(self) -> Path:
        return self.state / "slurm.conf"

    def _wrap(self) -> None:
        """Programs that know this cluster: Snakemake takes SLURM_* out of the environment inside its jobs."""
        for name in PROGRAMS:
            program = shutil.which(name, path=SBIN)
            if program:
                wrapper = self.state / "programs" / name
                wrapper.write_text(f"#!/bin/sh\nexport SLURM_CONF='{self.config}'\nexec {program} \"$@\"\n")
                wrapper.chmod(0o755)

    def start_controller(self, fresh: bool = False) -> None:
        """Start slurmctld; it goes on with the jobs that it knew unless `fresh`.

        Not with -R: what it remembers of the node then stands for the configuration, and no job gets a GPU any more.
        Nor does a job that starts before the node has told of itself again, and its GPUs are lost.
        """
        self._daemon("slurmctld", *(["-c"] if fresh else []))
        self.wait(lambda: self._pid("slurmctld"), 20, "the controller's process number")
        if not fresh:
            self.wait(self._registered, 60, "the node's word to the new controller")

    def _registered(self) -> bool:
        told = self.run("scontrol", "show", "node", check=False)
        return "BootTime=" in told and "BootTime=None" not in told

    def stop_controller(self, number: int = signal.SIGTERM) -> None:
        """End slurmctld; what runs on the node goes on."""
        self._end("slurmctld", number)

    def _daemon(self, name: str, *words: str) -> None:
        program = shutil.which(name, path=SBIN)
        subprocess.run([program, "-f", str(self.config), *words], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)  # fmt: skip

    def _pid(self, name: str) -> int | None:
        try:
            return int((self.state / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None

    def _end(self, name: str, number: int) -> None:
        pid = self._pid(name)
        if pid is None:
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        try:
            self.wait(lambda: gone(pid), 20, f"the end of {name}")
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
        (self.state / f"{name}.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Cancel what runs and end both daemons, each by its process number."""
        if self._pid("slurmctld"):
            self.run("scancel", f"--user={getpass.getuser()}", check=False)
            try:
                self.wait(lambda: not self.run("squeue", "-h", check=False).strip(), 40, "the end of the jobs")
            except TimeoutError:
                self.run("scancel", "--signal=KILL", "--full", f"--user={getpass.getuser()}", check=False)
        self._end("slurmctld", signal.SIGTERM)
        self._end("slurmd", signal.SIGTERM)
        self._forget_spool()

    def _forget_spool(self) -> None:
        shutil.rmtree(self.spool, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """The caller's, with this cluster's programs first."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        return kept | {"PATH": f"{self.state / 'programs'}{os.pathsep}{os.environ['PATH']}"}

    def run(self, *words: str, check: bool = True) -> str:
        """What one of SLURM's programs says."""
        done = subprocess.run([str(self.state / "programs" / words[0]), *words[1:]], text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout}")
        return done.stdout

    def state_in_words(self) -> str:
        """Jobs and why they wait, nodes, the end of the controller's log: what a test that hangs says."""
        told = [self.run("squeue", "-o", "%i %T %r %N %C %m %b", check=False)]
        told += [self.run("sinfo", "-N", "-o", "%N %T %C %G %E", check=False)]
        return "\n".join([*told, (self.state / "slurmctld.log").read_text()[-3000:]])

    def jobs(self, *states: str) -> list[dict[str, str]]:
        """All jobs that the controller remembers, or those in some states."""
        fields = {"id": "%i", "state": "%T", "name": "%j", "comment": "%k", "partition": "%P"}
        told = self.run("squeue", "-h", "--states=all", "-o", "\t".join(fields.values()))
        found = [dict(zip(fields, line.split("\t"), strict=True)) for line in told.splitlines()]
        return [job for job in found if not states or job["state"] in states]

    @staticmethod
    def wait(condition, seconds: float, what: str) -> None:
        """Until `condition()`. Raises TimeoutError that says what was waited for."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not come in {seconds} s")
            time.sleep(0.2)


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked for its status yet."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"
