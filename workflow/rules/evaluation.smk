# Test images → conditions → pixels → logits → scores → metrics. Cells lie outside the outputs: see crossgen.evaluation.cells.


rule render_conditions:
    input:
        manifest=f"{STORE}/manifest/{{pool}}.parquet",
        tables=condition_tables(),
    output:
        f"{REPORT}/rendered/{{pool}}/{{shard}}.parquet",
    log:
        f"{REPORT}/logs/render_conditions/{{pool}}/{{shard}}.log",
    benchmark:
        f"{REPORT}/benchmarks/render_conditions/{{pool}}/{{shard}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: CONFIG.score_threads
    resources:
        mem_mb=memory_of("render_conditions"),
        runtime=minutes_of("render_conditions"),
        cache_mb=cache_mb(),  # no parameter: a further pool makes the shares smaller, and no pixels void
    params:
        root=lambda wildcards: POOLS[wildcards.pool].source.root,
        cells=f"{STORE}/cells/pixels",
        frames=frames_json(),
        conditions=conditions_json(),
        version=code.version("crossgen.evaluation.conditions"),
    shell:
        "logged {log:q}"
        " python -m crossgen render-conditions --manifest {input.manifest:q} --pool {wildcards.pool} --shard {wildcards.shard}"
        " --root {params.root:q} --frames {params.frames:q} --conditions {params.conditions:q}"
        " --max-cache-mb {resources.cache_mb} --threads {threads} --cells {params.cells:q} --output {output:q}"


rule score_images:
    input:
        detectors=lambda wildcards: [detector_file(key) for key in BATCHES[int(wildcards.batch)]],
        rendered=every_rendering(),
        manifests=manifests(TESTED),
        shown=lambda wildcards: shown_files(int(wildcards.batch)),
        tables=condition_tables(),
    output:
        index=f"{REPORT}/scores/batches/{{batch}}.parquet",
        losses=f"{REPORT}/scores/losses/{{batch}}.parquet",
        validation=f"{REPORT}/scores/validation/{{batch}}.parquet",
        validated=f"{REPORT}/scores/validated/{{batch}}.parquet",
    log:
        f"{REPORT}/logs/score_images/{{batch}}.log",
    benchmark:
        f"{REPORT}/benchmarks/score_images/{{batch}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: CONFIG.score_threads
    resources:
        mem_mb=memory_of("score_images"),
        runtime=minutes_of("score_images"),
        gpu=1,
    params:
        pools=tested_json(),
        conditions=conditions_json(),
        pixels=f"{STORE}/cells/pixels",
        logits=f"{STORE}/cells/logits",
        validation=f"{STORE}/cells/validation",
        shown=lambda wildcards: json.dumps(shown_of(int(wildcards.batch))),
        roots=lambda wildcards: json.dumps(shown_roots(int(wildcards.batch))),
        most=CONFIG.statistics.validation_images,
        seed=CONFIG.split_seed,
        version=[code.version(f"crossgen.evaluation.{name}") for name in ("scoring", "validation", "owed")],
    shell:
        "logged {log:q} python -m crossgen score-images --detectors {input.detectors:q} --rendered {input.rendered:q}"
        " --pools {params.pools:q} --conditions {params.conditions:q} --pixels {params.pixels:q}"
        " --logits {params.logits:q} --threads {threads} --output {output.index:q} --losses {output.losses:q}"
        " --trained-on {params.shown:q} --folders {params.roots:q} --validation-images {params.most}"
        " --split-seed {params.seed} --validation-logits {params.validation:q}"
        " --validation {output.validation:q} --validated {output.validated:q}"


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
    benchmark:
        f"{REPORT}/benchmarks/collect_scores/{{experiment}}/{{train_set}}/seed{{seed}}.tsv"
    group:
        "report"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("collect_scores"),
        runtime=minutes_of("collect_scores"),
    params:
        pools=tested_json(),
        conditions=conditions_json(),
        logits=f"{STORE}/cells/logits",
        code=code_of("collect_scores"),
    shell:
        "logged {log:q}"
        " python -m crossgen collect-scores --index {input.index:q} --pools {params.pools:q} --logits {params.logits:q}"
        " --conditions {params.conditions:q} --experiment {wildcards.experiment:q} --train-set {wildcards.train_set}"
        " --seed {wildcards.seed} --output {output:q}"


rule average_scores:
    input:
        lambda wildcards: scores_of(
            ENSEMBLES[f"{wildcards.ensemble}/{wildcards.train_set}/seed{wildcards.seed}"].members
        ),
    output:
        f"{REPORT}/scores/{{ensemble}}/{{train_set}}/seed{{seed}}.parquet",
    log:
        f"{REPORT}/logs/average_scores/{{ensemble}}/{{train_set}}/seed{{seed}}.log",
    benchmark:
        f"{REPORT}/benchmarks/average_scores/{{ensemble}}/{{train_set}}/seed{{seed}}.tsv"
    group:
        "report"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("average_scores"),
        runtime=minutes_of("average_scores"),
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
        seed_means=f"{REPORT}/seed_means.parquet",
    log:
        f"{REPORT}/logs/compute_metrics.log",
    benchmark:
        f"{REPORT}/benchmarks/compute_metrics.tsv"
    group:
        "report"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("compute_metrics"),
        runtime=minutes_of("compute_metrics"),
    params:
        tests=judged_json(),
        generators=generators_json(),
        code=code_of("compute_metrics"),
    shell:
        "logged {log:q} python -m crossgen compute-metrics --scores {input.scores:q} --manifests {input.manifests:q}"
        " --tests {params.tests:q} --train-generators {params.generators:q} --metrics {output.metrics:q}"
        " --differences {output.differences:q} --seed-means {output.seed_means:q}"


rule analyse_spectra:
    input:
        manifest=f"{STORE}/manifest/{{pool}}.parquet",
        others=manifests(spectral_pools()),
    output:
        spectra=f"{REPORT}/spectra/{{pool}}.parquet",
        images=f"{REPORT}/spectra/images/{{pool}}.parquet",
    log:
        f"{REPORT}/logs/analyse_spectra/{{pool}}.log",
    benchmark:
        f"{REPORT}/benchmarks/analyse_spectra/{{pool}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: lambda wildcards: threads_of([wildcards.pool])
    resources:
        mem_mb=memory_of("analyse_spectra"),
        runtime=minutes_of("analyse_spectra"),
    params:
        root=lambda wildcards: POOLS[wildcards.pool].source.root,
        label=lambda wildcards: POOLS[wildcards.pool].label,
        options=as_json(CONFIG.spectra, exclude={"pools"}) if CONFIG.spectra else "{}",
        version=code.version("crossgen.spectra.measuring"),
    shell:
        "logged {log:q} python -m crossgen analyse-spectra --manifest {input.manifest:q} --others {input.others:q}"
        " --pool {wildcards.pool:q} --label {params.label} --root {params.root:q} --options {params.options:q}"
        " --threads {threads} --output {output.spectra:q} --images {output.images:q}"


rule look_into:
    input:
        detector=lambda wildcards: detector_file(f"{wildcards.experiment}/{wildcards.train_set}/seed{wildcards.seed}"),
        manifests=manifests(looked_pools()),
    output:
        [
            f"{REPORT}/looking/{{experiment}}/{{train_set}}/seed{{seed}}/{name}"
            for name in ("numbers.json", "plane.parquet", "drift.parquet", "maps.npz")
        ],
        [
            f"{REPORT}/looking/{{experiment}}/{{train_set}}/seed{{seed}}/{name}.{suffix}"
            for name in ("plane", "drift", "maps")
            for suffix in ("svg", "png")
        ],
    log:
        f"{REPORT}/logs/look_into/{{experiment}}/{{train_set}}/seed{{seed}}.log",
    benchmark:
        f"{REPORT}/benchmarks/look_into/{{experiment}}/{{train_set}}/seed{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("look_into"),
        runtime=minutes_of("look_into"),
        gpu=1,
    params:
        pools=looked_json(),
        options=looking_options(),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        version=code.version("crossgen.looking.looked"),
    shell:
        "logged {log:q} python -m crossgen look-into --detector {input.detector:q} --pools {params.pools:q}"
        " {params.options} --output {params.folder:q}"


rule break_down:
    input:
        scores=every_score(),
        manifests=manifests(TESTED),
        metrics=f"{REPORT}/metrics.parquet",
        selections=every_selection(),
    output:
        breakdowns=f"{REPORT}/breakdowns.parquet",
        correlations=f"{REPORT}/correlations.parquet",
        disagreements=f"{REPORT}/disagreements.parquet",
        hardest=f"{REPORT}/hardest.parquet",
        contents=f"{REPORT}/contents.parquet",
        curves=f"{REPORT}/curves.parquet",
        misjudged=f"{REPORT}/misjudged.parquet",
    log:
        f"{REPORT}/logs/break_down.log",
    benchmark:
        f"{REPORT}/benchmarks/break_down.tsv"
    group:
        "report"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("break_down"),
        runtime=minutes_of("break_down"),
    params:
        tests=broken_down_json(),
        learned=learned_json(),
        roots=json.dumps({name: POOLS[name].source.root for name in TESTED}),
        code=code_of("break_down"),
    shell:
        "logged {log:q} python -m crossgen break-down --scores {input.scores:q} --manifests {input.manifests:q}"
        " --metrics {input.metrics:q} --tests {params.tests:q} --learned {params.learned:q} --roots {params.roots:q}"
        " --breakdowns {output.breakdowns:q} --correlations {output.correlations:q}"
        " --disagreements {output.disagreements:q} --hardest {output.hardest:q} --contents {output.contents:q}"
        " --curves {output.curves:q} --misjudged {output.misjudged:q}"


rule choose_thresholds:
    input:
        validation=validations("validation"),
        validated=validations("validated"),
        scores=every_score(),
        manifests=manifests(TESTED),
    output:
        thresholds=f"{REPORT}/thresholds.parquet",
        points=f"{REPORT}/operating_points.parquet",
        reliability=f"{REPORT}/reliability.parquet",
    log:
        f"{REPORT}/logs/choose_thresholds.log",
    benchmark:
        f"{REPORT}/benchmarks/choose_thresholds.tsv"
    group:
        "report"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("choose_thresholds"),
        runtime=minutes_of("choose_thresholds"),
    params:
        tests=chosen_json(),
        ensembles=ensembles_json(),
        code=code_of("choose_thresholds"),
    shell:
        "logged {log:q} python -m crossgen choose-thresholds --validation {input.validation:q}"
        " --validated {input.validated:q} --scores {input.scores:q} --manifests {input.manifests:q}"
        " --tests {params.tests:q} --ensembles {params.ensembles:q} --thresholds {output.thresholds:q}"
        " --operating-points {output.points:q} --reliability {output.reliability:q}"
