# crossgen: from images to a cross-generator matrix, degraded tests and a bias audit.
#
#   snakemake --cores 2                          everything, on config/mini.yaml
#   snakemake --cores 2 matrix                   one part, by a named target or by a file
#   snakemake --cores 2 --configfile my.yaml     another run
#   crossgen resume --configfile my.yaml         the same, or going on after whatever stopped it
#   snakemake --profile slurm --configfile ...   the same on a cluster
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")

# This file finds the package under src/; jobs do by workflow/job.sh.
ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "src"))
shell.executable("bash")
shell.prefix(f"source '{ROOT}/workflow/job.sh'; ")


# Used with --sdm apptainer only; see envs/crossgen.def.
container: "envs/crossgen.sif"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/common_training.smk"
include: "workflow/rules/common_report.smk"
include: "workflow/rules/common_plan.smk"
include: "workflow/rules/common_resources.smk"


onstart:
    runs.stop_in_a_thread()
    examine_cluster()
    claims.remember(OWNER, Path(REPORT), Path(STORE))


onsuccess:
    ACCOUNT.succeeded() if ACCOUNT else None


onerror:
    ACCOUNT.failed() if ACCOUNT else None


wildcard_constraints:
    pool=one_of(POOLS),
    fetched=one_of(FETCHES),
    weights=one_of(WEIGHTS),
    shard="[0-9]+",
    subset=one_of(SUBSETS),
    train_set=one_of(TRAIN_SETS),
    experiment=one_of(EXPERIMENTS),
    ensemble=one_of(item.name for item in CONFIG.ensembles),
    alignment=one_of(ALIGNMENTS),
    packing=one_of(PACKINGS),
    seed="[0-9]+",
    batch="[0-9]+",
    figure=one_of(FIGURES),


localrules:
    all,
    downloads,
    weights,
    metadata,
    audit,
    subsets,
    align,
    train,
    matrix,
    degraded,
    plots,


rule all:
    default_target: True
    input:
        f"{REPORT}/report.html",
        f"{REPORT}/card.html",


rule downloads:
    input:
        every_listing(),


rule weights:
    input:
        every_weight() or workflow.main_snakefile,  # with no input at all it would always run


rule metadata:
    input:
        every_manifest(),


rule audit:
    input:
        f"{REPORT}/audit/biases.parquet",
        f"{REPORT}/tables/biases.md",
        figures("biases", "probes"),


rule subsets:
    input:
        every_selection(),


rule align:
    input:
        every_alignment(),
        every_packing(),


rule train:
    input:
        every_detector(),


rule matrix:
    input:
        f"{REPORT}/tables/matrix.md",
        figures("matrix"),


rule degraded:
    input:
        f"{REPORT}/tables/degraded.md",
        figures("degradation"),


rule plots:
    input:
        figures(),


include: "workflow/rules/data.smk"
include: "workflow/rules/subsets.smk"
include: "workflow/rules/detectors.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/report.smk"
