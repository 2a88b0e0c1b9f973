# Packed crops → detector: one job for each experiment, train set and seed.


rule train_detector:
    input:
        unpack(lambda wildcards: crops(DETECTORS[f"{wildcards.experiment}/{wildcards.train_set}/seed{wildcards.seed}"])),
    output:
        detector=f"{STORE}/detectors/{{experiment}}/{{train_set}}/seed{{seed}}/detector.safetensors",
        history=f"{STORE}/detectors/{{experiment}}/{{train_set}}/seed{{seed}}/history.csv",
    log:
        f"{STORE}/logs/train_detector/{{experiment}}/{{train_set}}/seed{{seed}}.log",
    benchmark:
        f"{STORE}/benchmarks/train_detector/{{experiment}}/{{train_set}}/seed{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
        gpu=1,
    params:
        recipe=lambda wildcards: as_json(RECIPES[EXPERIMENTS[wildcards.experiment].recipe]),
        generator=lambda wildcards: (
            DETECTORS[f"{wildcards.experiment}/{wildcards.train_set}/seed{wildcards.seed}"].generator or ""
        ),
        version=code.version("crossgen.training.loop"),
    shell:
        "logged {log:q}"
        " python -m crossgen train-detector --crops {input.crops:q} --index {input.index:q} --recipe {params.recipe:q}"
        " --experiment {wildcards.experiment:q} --train-set {wildcards.train_set} --generator={params.generator:q}"
        " --seed {wildcards.seed} --output {output.detector:q} --history {output.history:q}"
