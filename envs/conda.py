"""Write envs/conda.yaml from envs/requirements.txt: the same versions, for `snakemake --sdm conda`.

Hashes stay in the lock: conda's pip section cannot hold them. Run by `make lock`; a test keeps the two in step.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent
HEAD = """# Written by envs/conda.py from envs/requirements.txt; do not edit.
name: crossgen
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python =3.11
  - p7zip
  - pip
  - pip:
"""


def pinned() -> list[str]:
    """Every requirement of the lock with its version and marker, without hashes."""
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [re.sub(r"\s*\\$", "", line) for line in lines if re.match(r"[a-z0-9]", line)]


if __name__ == "__main__":
    items = "".join(f'      - "{line}"\n' for line in pinned())
    (HERE / "conda.yaml").write_text(HEAD + items, encoding="utf-8")
