"""Every way to set up the environment installs the lock, and the papers about us tell one version."""

import importlib.metadata
import importlib.util
import re
import tomllib
from pathlib import Path

import yaml

import crossgen
from toys import ROOT

ENVS = ROOT / "envs"
LOCK = (ENVS / "requirements.txt").read_text(encoding="utf-8")
PINNED = re.findall(r"^([a-z0-9._-]+==[^\s\\;]+)", LOCK, re.M)


def test_the_lock_is_exact_hashed_and_names_no_host():
    entries = re.split(r"\n(?=[a-z0-9])", LOCK.strip())
    assert len(entries) == len(PINNED) > 50
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK


def test_everything_asked_for_is_locked():
    asked = re.findall(r"^([A-Za-z0-9._-]+)", (ENVS / "requirements.in").read_text(), re.M)
    locked = {pin.split("==")[0].replace("_", "-") for pin in PINNED}
    assert {name.lower().replace("_", "-") for name in asked} <= locked


def test_the_conda_environment_has_the_versions_of_the_lock():
    dependencies = yaml.safe_load((ENVS / "conda.yaml").read_text())["dependencies"]
    pip = next(item["pip"] for item in dependencies if isinstance(item, dict))
    assert [line.split(" ")[0] for line in pip] == PINNED
    assert f"python ={python()}" in dependencies


def written() -> dict[str, str]:
    """What envs/conda.py writes: name to content."""
    found = importlib.util.spec_from_file_location("conda_of_envs", ENVS / "conda.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.files()


def test_the_files_for_conda_and_for_machines_without_gpus_are_in_step_and_name_no_host():
    assert set(written()) == {"conda.yaml", "conda-cpu.yaml", "requirements-cpu.txt"}
    for name, text in written().items():
        assert (ENVS / name).read_text() == text, f"run: python envs/conda.py (for {name})"
        assert "://" not in text


def test_without_gpus_the_versions_are_those_of_the_lock():
    lean = [line.split(" ")[0] for line in written()["requirements-cpu.txt"].splitlines() if line[0] != "#"]
    dependencies = yaml.safe_load(written()["conda-cpu.yaml"])["dependencies"]
    assert next(item["pip"] for item in dependencies if isinstance(item, dict)) == [
        line for line in written()["requirements-cpu.txt"].splitlines() if line[0] != "#"
    ]
    assert {pin for pin in lean if "+" in pin} == {f"{pin}+cpu" for pin in PINNED if pin.startswith("torch")}
    left_out = set(PINNED) - {pin.removesuffix("+cpu") for pin in lean}
    assert {pin.removesuffix("+cpu") for pin in lean} < set(PINNED) and "triton" in str(left_out)
    assert not [pin for pin in lean if re.match("nvidia|cuda|triton", pin)]


def test_what_is_left_out_without_gpus_is_needed_by_pytorch_alone():
    names = {pin.split("==")[0] for pin in PINNED}
    lean = {line.split("==")[0] for line in written()["requirements-cpu.txt"].splitlines() if line[0] != "#"}
    for name in lean - {"torch"}:
        try:
            needed = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # of another system
            continue
        needed = [re.match(r"[A-Za-z0-9._-]+", line)[0] for line in needed if "extra ==" not in line]
        assert not {item.lower().replace("_", "-") for item in needed} & (names - lean), name


def test_every_rule_names_the_environment_of_its_jobs():
    texts = [path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk")]
    rules = [rule for text in texts for rule in re.split(r"^rule ", text, flags=re.M)[1:]]
    assert len(rules) > 15
    for rule in rules:
        assert 'conda:\n        "../../envs/conda.yaml"' in rule, rule.split(":")[0]


def python() -> str:
    """The oldest Python that the project promises, which the lock was resolved for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["requires-python"].removeprefix(">=")


def commands(path: Path) -> str:
    return re.sub(r"^#.*\n", "", path.read_text(), flags=re.M)


def test_container_definitions_install_the_lock_and_7_zip_and_nothing_else():
    for path in (ENVS / "Dockerfile", ENVS / "crossgen.def"):
        text = commands(path)
        assert re.findall(r"python:([0-9.]+)-", text) == [python()], path
        installs = re.findall(r"pip install (.*)", text)
        assert installs == ["--no-cache-dir --require-hashes -r /opt/crossgen/requirements.txt"], path
        assert re.search(r"envs/requirements.txt /opt/crossgen/requirements.txt", text), path
        assert re.findall(r"apt-get -qq install (.*?) &&", text) == ["-y --no-install-recommends 7zip"], path
        assert not re.search(r"conda|curl|wget", text), path


def test_the_container_that_jobs_run_in_is_the_one_the_definition_makes():
    assert 'container: "envs/crossgen.sif"' in (ROOT / "Snakefile").read_text()
    assert "apptainer build envs/crossgen.sif envs/crossgen.def" in (ENVS / "crossgen.def").read_text()


def test_citation_and_package_tell_one_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == crossgen.__version__
    assert citation["license"] == "Apache-2.0" and "Apache License" in (ROOT / "LICENSE").read_text()
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert all({"type", "title", "authors"} <= set(item) for item in citation["references"])


def test_hooks_run_programs_that_the_lock_installs():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    programs = {match for hook in repository["hooks"] for match in re.findall(r"^\.venv/bin/(\S+)", hook["entry"])}
    assert programs == {"ruff", "snakefmt", "lint-imports", "mypy"}
    names = {pin.split("==")[0] for pin in PINNED}
    assert {"ruff", "snakefmt", "import-linter", "mypy"} <= names
