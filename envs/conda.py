"""Write what installs the versions of requirements.txt in other ways. `make lock` runs it; a test keeps them in step.

- conda.yaml, for `snakemake --sdm conda` or an environment of one's own;
- conda-cpu.yaml and requirements-cpu.txt, the same without CUDA, for machines without GPUs: PyTorch's CPU builds are
  called `+cpu` and lie in PyTorch's own index, which pip is told of by PIP_EXTRA_INDEX_URL.

Hashes stay in the lock: conda's pip section cannot hold them, and the CPU builds have others.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent
HEAD = """# Written by envs/conda.py from envs/requirements.txt; do not edit.{told}
name: {name}
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python =3.11
  - p7zip
  - pip
  - pip:
"""
WITHOUT_GPU = """
# For Linux without GPUs. First: export PIP_EXTRA_INDEX_URL=<PyTorch's CPU index> (the address that "Get started" on
# PyTorch's page tells for Linux, Pip, CPU)."""
#: Only the CUDA builds of PyTorch need these, and only PyTorch does.
CUDA = re.compile(r"(nvidia|cuda)-|triton==")
BUILDS = re.compile(r"^(torch|torchvision)==[^ ]+")


def pinned() -> list[str]:
    """Every requirement of the lock with its version and marker, without hashes."""
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [re.sub(r"\s*\\$", "", line) for line in lines if re.match(r"[a-z0-9]", line)]


def without_cuda(lines: list[str]) -> list[str]:
    """The same requirements with PyTorch's CPU builds."""
    return [BUILDS.sub(r"\g<0>+cpu", line) for line in lines if not CUDA.match(line)]


def environment(name: str, lines: list[str], told: str = "") -> str:
    """Conda's file."""
    return HEAD.format(name=name, told=told) + "".join(f'      - "{line}"\n' for line in lines)


def files() -> dict[str, str]:
    """Name to content of all that is written."""
    lines, lean = pinned(), without_cuda(pinned())
    told = f"# Written by envs/conda.py from envs/requirements.txt; do not edit.{WITHOUT_GPU}\n"
    return {
        "conda.yaml": environment("crossgen", lines),
        "conda-cpu.yaml": environment("crossgen-cpu", lean, WITHOUT_GPU),
        "requirements-cpu.txt": told + "".join(f"{line}\n" for line in lean),
    }


if __name__ == "__main__":
    for name, text in files().items():
        (HERE / name).write_text(text, encoding="utf-8")
