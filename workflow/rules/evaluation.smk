# Test images → conditions → pixels → logits → scores → metrics. Cells lie outside the outputs: see crossgen.evaluation.cells.


rule render_conditions:
    input:
        f"{STORE}/manifest/{{pool}}.parquet",
    output:
        f"{REPORT}/rendered/{{pool}}/{{shard}}.parquet",
    log:
        f"{REPORT}/logs/render_conditions/{{pool}}/{{shard}}.log",
    benchmark:
        f"{REPORT}/benchmarks/render_conditions/{{pool}}/{{shard}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        root=lambda wildcards: POOLS[wildcards.pool].source.root,
        cells=f"{STORE}/cells/pixels",
        frames=frames_json(),
        conditions=conditions_json(),
        limit=CONFIG.max_cache_gb,
        version=code.version("crossgen.evaluation.conditions"),
    shell:
        "logged {log:q}"
        " python -m crossgen render-conditions --manifest {input:q} --pool {wildcards.pool} --shard {wildcards.shard}"
        " --root {params.root:q} --frames {params.frames:q} --conditions {params.conditions:q}"
        " --max-cache-gb {params.limit} --cells {params.cells:q} --output {output:q}"


rule score_images:
    input:
        detectors=lambda wildcards: [detector_file(key) for key in BATCHES[int(wildcards.batch)]],
        rendered=every_rendering(),
        manifests=manifests(TESTED),
    output:
        index=f"{REPORT}/scores/batches/{{batch}}.parquet",
        losses=f"{REPORT}/scores/losses/{{batch}}.parquet",
    log:
        f"{REPORT}/logs/score_images/{{batch}}.log",
    benchmark:
        f"{REPORT}/benchmarks/score_images/{{batch}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
        gpu=1,
    params:
        pools=tested_json(),
        conditions=conditions_json(),
        pixels=f"{STORE}/cells/pixels",
        logits=f"{STORE}/cells/logits",
        version=code.version("crossgen.evaluation.scoring"),
    shell:
        "logged {log:q} python -m crossgen score-images --detectors {input.detectors:q} --rendered {input.rendered:q}"
        " --pools {params.pools:q} --conditions {params.conditions:q} --pixels {params.pixels:q}"
        " --logits {params.logits:q} --output {output.index:q} --losses {output.losses:q}"


rule collect_scores:
    input:
        index=lambda wildcards: (
            f"{REPORT}/scores/batches/"
            f"{BATCH_OF[f'{wildcards.experiment}/{wildcards.train_set}/seed{wildcards.seed}']}.parquet"
        ),
        manifests=manifests(TESTED),
    output:
        f"{REPORT}/scores/{{experiment}}/{{train_set}}/seed{{seed}}.parquet",
    log:
        f"{REPORT}/logs/collect_scores/{{experiment}}/{{train_set}}/seed{{seed}}.log",
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        pools=tested_json(),
        logits=f"{STORE}/cells/logits",
        code=code_of("collect_scores"),
    shell:
        "logged {log:q}"
        " python -m crossgen collect-scores --index {input.index:q} --pools {params.pools:q} --logits {params.logits:q}"
        " --experiment {wildcards.experiment:q} --train-set {wildcards.train_set} --seed {wildcards.seed}"
        " --output {output:q}"


rule average_scores:
    input:
        lambda wildcards: scores_of(
            ENSEMBLES[f"{wildcards.ensemble}/{wildcards.train_set}/seed{wildcards.seed}"].members
        ),
    output:
        f"{REPORT}/scores/{{ensemble}}/{{train_set}}/seed{{seed}}.parquet",
    log:
        f"{REPORT}/logs/average_scores/{{ensemble}}/{{train_set}}/seed{{seed}}.log",
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_of("average_scores"),
    shell:
        "logged {log:q} python -m crossgen average-scores --scores {input:q} --experiment {wildcards.ensemble:q}"
        " --train-set {wildcards.train_set} --seed {wildcards.seed} --output {output:q}"


rule compute_metrics:
    input:
        scores=every_score(),
        manifests=manifests(TESTED),
    output:
        metrics=f"{REPORT}/metrics.parquet",
        differences=f"{REPORT}/differences.parquet",
    log:
        f"{REPORT}/logs/compute_metrics.log",
    benchmark:
        f"{REPORT}/benchmarks/compute_metrics.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        tests=as_json(CONFIG, include={"test_sets", "comparisons", "statistics"}),
        generators=json.dumps({d.train_set.name: d.generator for d in DETECTORS.values()}),
        code=code_of("compute_metrics"),
    shell:
        "logged {log:q} python -m crossgen compute-metrics --scores {input.scores:q} --manifests {input.manifests:q}"
        " --tests {params.tests:q} --train-generators {params.generators:q} --metrics {output.metrics:q}"
        " --differences {output.differences:q}"
