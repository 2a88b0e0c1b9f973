# Pretrained weights; packed crops, or selected files → detector: one job for each experiment, train set and seed.


rule fetch_weights:
    output:
        f"{STORE}/weights/{{weights}}.json",
    log:
        f"{STORE}/logs/fetch_weights/{{weights}}.log",
    benchmark:
        f"{STORE}/benchmarks/fetch_weights/{{weights}}.tsv"
    priority: 100
    localrule: HERE
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        built=lambda wildcards: WEIGHTS[wildcards.weights],
        version=code.version("crossgen.detectors.pretrained"),
    shell:
        "logged {log:q} python -m crossgen fetch-weights --architecture {params.built[0]:q}"
        " --options {params.built[1]:q} --output {output:q}"


rule train_detector:
    input:
        unpack(training_inputs),
    output:
        detector=f"{STORE}/detectors/{{experiment}}/{{train_set}}/seed{{seed}}/detector.safetensors",
        history=f"{STORE}/detectors/{{experiment}}/{{train_set}}/seed{{seed}}/history.parquet",
        watched=f"{STORE}/detectors/{{experiment}}/{{train_set}}/seed{{seed}}/watched.parquet",
        losses=f"{STORE}/detectors/{{experiment}}/{{train_set}}/seed{{seed}}/losses.parquet",
        events=directory(f"{STORE}/detectors/{{experiment}}/{{train_set}}/seed{{seed}}/events"),
    log:
        f"{STORE}/logs/train_detector/{{experiment}}/{{train_set}}/seed{{seed}}.log",
    benchmark:
        f"{STORE}/benchmarks/train_detector/{{experiment}}/{{train_set}}/seed{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: CONFIG.train_threads
    resources:
        **training_nodes(),
        mem_mb=memory_of("train_detector"),
        runtime=training_minutes,
        gpu=CONFIG.train_gpus * CONFIG.train_nodes,
        # How a training runs, not what comes out: a change of resources, unlike one of params or of the command's text,
        # trains no finished detector again. Whole seconds: Snakemake rounds numbers.
        checkpoint_seconds=max(1, round(60 * CONFIG.checkpoint_minutes)),
        out_of_memory=CONFIG.out_of_memory,
    params:
        recipe=lambda wildcards: as_json(recipe_of(detector_of(wildcards))),
        generator=lambda wildcards: detector_of(wildcards).generator or "",
        options=training_options,
        version=[code.version(f"crossgen.training.{name}") for name in ("loop", "augment")],
    shell:
        "logged {log:q}"
        " python -m crossgen train-detector {params.options} --recipe {params.recipe:q}"
        " --experiment {wildcards.experiment:q} --train-set {wildcards.train_set} --generator={params.generator:q}"
        " --seed {wildcards.seed} --threads {threads} --gpus {resources.gpu} --nodes {resources.nodes}"
        " --checkpoint-seconds {resources.checkpoint_seconds} --out-of-memory {resources.out_of_memory}"
        " --lost-for {wildcards.experiment:q}/{wildcards.train_set}/seed{wildcards.seed}"
        " --output {output.detector:q} --history {output.history:q} --watched-output {output.watched:q}"
        " --losses {output.losses:q} --events {output.events:q}"
