"""`snakemake --sdm apptainer` and `--sdm conda`: jobs run in the environment, with this checkout's package.

The programs are stand-ins that note what they are asked for and run it here.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from checkout import Checkout

TARGET = "results/toy/downloads/checker.parquet"
LOG = "results/toy/logs/download/checker.log"
BIN = Path(sys.executable).parent

#: As Apptainer: the environment goes on into the container but for PATH, which is the image's.
APPTAINER = f"""#!/bin/bash
if [[ $1 == --version ]]; then echo "apptainer version 1.3.6"; exit; fi
printf '%s\\n' "${{@:1:$#-1}}" >> "$(dirname "$0")/asked"
PATH={BIN}:/usr/bin:/bin INSIDE=container exec "${{@: -3}}"
"""

#: As conda: `env create` makes a folder with a Python, `activate` puts it first on PATH.
CONDA = f"""#!/bin/bash
here=$(cd "$(dirname "$0")" && pwd)
case "$*" in
--version) echo "conda 24.11.3" ;;
"info --json") echo '{{"conda_prefix": "'"$(dirname "$here")"'", "platform": "linux-64"}}' ;;
clean*) ;;
config*) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
"env create"*)
    while (($#)); do
        case $1 in --file) file=$2 ;; --prefix) prefix=$2 ;; esac
        shift
    done
    mkdir -p "$prefix/bin"
    cp "$file" "$here/asked"
    printf '#!/bin/sh\\nINSIDE=conda exec {BIN}/python "$@"\\n' > "$prefix/bin/python"
    chmod +x "$prefix/bin/python" ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    """Its package says where it runs."""
    made = Checkout(tmp_path / "run")
    made.write_config()
    with open(made.folder / "src" / "crossgen" / "__init__.py", "a") as file:
        file.write("\nimport os\n\nprint(f\"{__file__} inside {os.environ.get('INSIDE')}\")\n")
    return made


def programs(folder: Path, **texts: str) -> Path:
    """A folder of programs."""
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def deployed(checkout: Checkout, path: Path, *options: str, status: int = 0) -> str:
    """What a run of one job with `--sdm` says."""
    told = checkout.environment | {"PATH": f"{path}:{BIN}:/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", TARGET, "--cores", "1", "--configfile", "toy.yaml", *options],
        cwd=checkout.folder,
        env={name: value for name, value in told.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


@pytest.mark.long
def test_apptainer_runs_jobs_in_the_image_with_what_it_is_told(checkout, tmp_path):
    path = programs(tmp_path / "programs", apptainer=APPTAINER)
    (checkout.folder / "envs" / "crossgen.sif").touch()
    deployed(checkout, path, "--sdm", "apptainer", "--apptainer-args", "--nv --bind /data")
    words = (path / "asked").read_text().splitlines()
    assert words[:2] == ["exec", "--home"] and Path(words[2]) == checkout.folder
    assert words[words.index("--nv") : words.index("envs/crossgen.sif")][:3] == ["--nv", "--bind", "/data"]
    log = (checkout.folder / LOG).read_text()
    assert f"{checkout.folder}/src/crossgen/__init__.py inside container" in log


@pytest.mark.long
def test_conda_makes_the_environment_once_and_runs_jobs_in_it(checkout, tmp_path):
    path = programs(tmp_path / "conda" / "bin", conda=CONDA, activate='export PATH="$1/bin:$PATH"\n')
    assert "Creating conda environment" in deployed(checkout, path, "--sdm", "conda")
    assert (path / "asked").read_text() == (checkout.folder / "envs" / "conda.yaml").read_text()
    assert f"{checkout.folder}/src/crossgen/__init__.py inside conda" in (checkout.folder / LOG).read_text()
    (checkout.folder / TARGET).unlink()
    assert "Creating conda environment" not in deployed(checkout, path, "--sdm", "conda")
    # docs/cluster.md warns of this, and says what to do
    assert "Software environment definition has changed" in deployed(checkout, path, "-n")
    assert "Nothing to be done" in deployed(
        checkout, path, "-n", "--rerun-triggers", "mtime", "params", "input", "code"
    )


@pytest.mark.long
def test_an_image_that_is_not_built_is_told_before_any_job(checkout, tmp_path):
    path = programs(tmp_path / "programs", apptainer=APPTAINER)
    said = deployed(checkout, path, "--sdm", "apptainer", status=1)
    assert "apptainer build envs/crossgen.sif envs/crossgen.def" in said and "Traceback" not in said
    assert not (path / "asked").exists()
    deployed(checkout, path, "--sdm", "apptainer", "-n")
