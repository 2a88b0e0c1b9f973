"""A copy of the repository's code with toy images and a config, in which the workflow runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from blake3 import blake3

from toys import ROOT, draw_pools, toy_config, write_tables

COPIED = ("Snakefile", "src", "workflow", "config", "envs", "profiles", "slurm")


def copy_code(folder: Path) -> None:
    """Make `folder` a copy of the repository's code."""
    folder.mkdir(exist_ok=True)
    for name in COPIED:
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__", "mini")
        shutil.copytree(source, folder / name, ignore=ignore) if source.is_dir() else shutil.copy(source, folder)


class Checkout:
    """A copy of the repository's code with toy images and a config; `snakemake` runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copy_code(folder)
        draw_pools(folder / "images", n=24)
        write_tables(folder / "images")
        self.config = toy_config(Path("images"))  # relative: a copy of the run reads its own
        both = {"name": "both", "fake": ["checker", "stripes"], "real": ["photographs"]}
        self.config["train_sets"] = [both]
        self.config["experiments"][0]["train_sets"] = ["checker", "stripes", "both"]

    def write_config(self, config: dict | None = None, name: str = "toy.yaml") -> None:
        """Write a config file; the one that it was made with unless another is given."""
        (self.folder / name).write_text(json.dumps(config or self.config))

    def snakemake(self, *arguments: str, config: dict | None = None, check: bool = True) -> str:
        self.write_config(config)
        command = [sys.executable, "-m", "snakemake", "--configfile", "toy.yaml", "--cores", "2", *arguments]
        return self.output(command, check)

    def resume(self, *arguments: str, check: bool = True) -> str:
        """`crossgen resume` on the config as it lies there."""
        return self.output(self.resume_command(*arguments), check)

    def resume_command(self, *arguments: str) -> list[str]:
        """Its words."""
        return [sys.executable, "-m", "crossgen", "resume", "--configfile", "toy.yaml", "--cores", "2", *arguments]

    def output(self, command: list[str], check: bool = True) -> str:
        """Everything that a command says; it must succeed if `check`."""
        bare = self.environment | {"PATH": os.defpath}  # as when the environment is not activated
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=bare, timeout=420)
        output = done.stdout + done.stderr
        assert not check or done.returncode == 0, output[-6000:]
        return output

    @property
    def environment(self) -> dict[str, str]:
        """The caller's, with the environment's programs and this copy of the package first."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"PATH": path, "PYTHONPATH": str(self.folder / "src")}

    def digest(self, name: str) -> str:
        """Digest of a file of the report."""
        return blake3((self.folder / "results" / "toy" / name).read_bytes()).hexdigest()

    def planned(self, *arguments: str, config: dict | None = None) -> dict[str, int]:
        """Rule to number of jobs that would run."""
        output = self.snakemake("--quiet", "rules", "-n", *arguments, config=config)
        stats = output.split("Job stats:")[-1] if "Job stats:" in output else ""
        return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", stats, re.M) if name != "total"}

    def logged(self, rule: str) -> dict[str, tuple[int, int]]:
        """Log to (cells computed, cells reused) of a render or score rule."""
        found = {}
        folder = self.folder / "results" / "toy" / "logs" / rule
        for path in sorted(folder.rglob("*.log")):
            computed, reused = re.search(r"cells: computed=(\d+) reused=(\d+)", path.read_text()).groups()
            found[path.relative_to(folder).as_posix()] = (int(computed), int(reused))
        return found
