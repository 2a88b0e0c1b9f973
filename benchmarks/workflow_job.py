"""Jobs of the workflow, one at a time, and what they take."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from scale import ROOT

#: Starts a command and writes what it and its own took. A process counts as its own what the one that started it held
#: by then: this one holds little.
LAUNCHER = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], "w").write(f"{usage.ru_maxrss / 1024} {usage.ru_utime + usage.ru_stime}")
sys.exit(status)
"""


class Taken(NamedTuple):
    """Megabytes of the largest process; seconds of the processor, all processes together."""

    mb: float
    seconds: float


@dataclass(frozen=True)
class Run:
    """A folder in which a config is run; what Snakemake says is noted there, or elsewhere."""

    work: Path
    configfile: str
    elsewhere: Path | None = None

    @property
    def notes(self) -> Path:
        return self.elsewhere or self.work

    @property
    def results(self) -> Path:
        return self.work / "results" / Path(self.configfile).stem

    def snakemake(self, target: str, *words: str) -> Taken:
        """Make a target; it must succeed."""
        where = ["--directory", str(self.work), "--snakefile", str(ROOT / "Snakefile"), "--configfile", self.configfile]
        command = [sys.executable, "-m", "snakemake", "--cores", "4", *where, "--rerun-triggers", "mtime", *words]
        launched = [sys.executable, "-c", LAUNCHER, str(self.notes / "taken"), *command, "--", target]
        with open(self.notes / "said", "wb") as said:
            status = subprocess.call(launched, cwd=self.work, stdout=said, stderr=subprocess.STDOUT)
        if status:
            sys.exit(f"{' '.join(command)}\n{self.said()[-3000:]}")
        return Taken(*map(float, (self.notes / "taken").read_text().split()))

    def alone(self, rule: str, target: str) -> Taken:
        """Make a target (again) by this rule alone: what it needs is there. Without Snakemake's own time."""
        own = self.snakemake(target, "--allowed-rules", rule, "--force", "--dry-run").seconds
        taken = self.snakemake(target, "--allowed-rules", rule, "--force")
        return Taken(taken.mb, max(0.0, taken.seconds - own))

    def said(self) -> str:
        """What Snakemake told of its last jobs."""
        return (self.notes / "said").read_text()

    def inputs(self, rule: str, target: str) -> list[Path]:
        """What the one job of a rule that makes a target reads."""
        self.snakemake(target, "--dry-run", "--force")
        job = self.said().split(f"rule {rule}:\n")[1]
        return [self.work / path for path in re.findall(r"^ *input: (.*)$", job, re.MULTILINE)[0].split(", ")]
