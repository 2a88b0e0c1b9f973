# Images → listing → manifest. These jobs go first, so that a pool with too many unusable images stops the run before any
# detector is trained, be it one that does not learn from that pool.


rule fetch:
    output:
        f"{STORE}/downloads/fetched/{{fetched}}.json",
    log:
        f"{STORE}/logs/fetch/{{fetched}}.log",
    benchmark:
        f"{STORE}/benchmarks/fetch/{{fetched}}.tsv"
    priority: 100
    localrule: HERE
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=fetching_minutes,
    params:
        source=lambda wildcards: FETCHES[wildcards.fetched],
        version=code.version("crossgen.data.fetch"),
    shell:
        "logged {log:q} python -m crossgen fetch --source {params.source:q} --output {output:q}"


rule download:
    input:
        lambda wildcards: ancient(listed_in(wildcards.pool)),
        lambda wildcards: ancient(fetched_for(wildcards.pool)),
        made=lambda wildcards: made_for(wildcards.pool),
    output:
        f"{STORE}/downloads/{{pool}}.parquet",
    log:
        f"{STORE}/logs/download/{{pool}}.log",
    benchmark:
        f"{STORE}/benchmarks/download/{{pool}}.tsv"
    priority: 100
    # a rule in a group is never local
    group:
        None if LISTED_HERE else (lambda wildcards: "metadata" if is_listed_in_one_job(wildcards.pool) else None)
    localrule: LISTED_HERE
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("download"),
        runtime=listing_minutes,
    params:
        pool=lambda wildcards: as_json(POOLS[wildcards.pool], exclude={"max_quarantine", "hash", "shares_with"}),
        rows=lambda wildcards: rows_of(wildcards.pool),
        seed=CONFIG.split_seed,
        val=CONFIG.val_fraction,
        test=CONFIG.test_fraction,
        version=code.version("crossgen.data.listing"),
        made=lambda wildcards, input: shlex.join(["--made", *input.made]) if input.made else "",
    shell:
        "logged {log:q} python -m crossgen download --pool {params.pool:q} {params.made} --split-seed {params.seed}"
        " --val-fraction {params.val} --test-fraction {params.test} --output {output:q}"


rule draw_shaders:
    output:
        f"{STORE}/made/{{pool}}/{{shard}}.parquet",
    log:
        f"{STORE}/logs/draw_shaders/{{pool}}/{{shard}}.log",
    benchmark:
        f"{STORE}/benchmarks/draw_shaders/{{pool}}/{{shard}}.tsv"
    wildcard_constraints:
        pool=one_of(DRAWN),
    priority: 100
    conda:
        "../../envs/conda.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("draw_shaders"),
        runtime=minutes_of("draw_shaders"),
    params:
        source=lambda wildcards: as_json(POOLS[wildcards.pool].source),
        shards=lambda wildcards: POOLS[wildcards.pool].shards,
        version=code.version("crossgen.data.drawing"),
    shell:
        "logged {log:q} python -m crossgen draw-shaders --source {params.source:q} --shard {wildcards.shard}"
        " --shards {params.shards} --processes {threads} --output {output:q}"


rule reconstruct:
    input:
        manifest=lambda wildcards: manifests([POOLS[wildcards.pool].source.of]),
        weights=lambda wildcards: local_files(POOLS[wildcards.pool].source.by),
    output:
        f"{STORE}/made/{{pool}}/{{shard}}.parquet",
    log:
        f"{STORE}/logs/reconstruct/{{pool}}/{{shard}}.log",
    benchmark:
        f"{STORE}/benchmarks/reconstruct/{{pool}}/{{shard}}.tsv"
    wildcard_constraints:
        pool=one_of(RECONSTRUCTED),
    priority: 100
    conda:
        "../../envs/conda.yaml"
    threads: CONFIG.score_threads
    resources:
        mem_mb=memory_of("reconstruct"),
        runtime=minutes_of("reconstruct"),
        gpu=1,
    params:
        root=lambda wildcards: POOLS[POOLS[wildcards.pool].source.of].source.root,
        source=lambda wildcards: as_json(POOLS[wildcards.pool].source),
        shards=lambda wildcards: POOLS[wildcards.pool].shards,
        version=code.version("crossgen.reconstruction.making"),
    shell:
        "logged {log:q} python -m crossgen reconstruct --manifest {input.manifest:q} --root {params.root:q}"
        " --source {params.source:q} --shard {wildcards.shard} --shards {params.shards} --threads {threads}"
        " --output {output:q}"


rule fetch_pipeline:
    output:
        f"{STORE}/weights/pipelines/{{pipeline}}.json",
    log:
        f"{STORE}/logs/fetch_pipeline/{{pipeline}}.log",
    benchmark:
        f"{STORE}/benchmarks/fetch_pipeline/{{pipeline}}.tsv"
    priority: 100
    localrule: HERE
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=fetching_minutes,
    params:
        source=lambda wildcards: PIPELINES[wildcards.pipeline],
        version=code.version("crossgen.generation.weights"),
    shell:
        "logged {log:q} python -m crossgen fetch-pipeline --source {params.source:q} --output {output:q}"


rule generate:
    input:
        # fetched before it begins; the same files fetched again are no reason to make images again
        record=lambda wildcards: ancient(pipeline_record(wildcards.pool)),
        files=lambda wildcards: generation.local_files(POOLS[wildcards.pool].source),
        manifest=lambda wildcards: classes_from(wildcards.pool),
    output:
        f"{STORE}/made/{{pool}}/{{shard}}.parquet",
    log:
        f"{STORE}/logs/generate/{{pool}}/{{shard}}.log",
    benchmark:
        f"{STORE}/benchmarks/generate/{{pool}}/{{shard}}.tsv"
    wildcard_constraints:
        pool=one_of(GENERATED),
    priority: 100
    conda:
        "../../envs/conda.yaml"
    threads: CONFIG.score_threads
    resources:
        mem_mb=memory_of("generate"),
        runtime=minutes_of("generate"),
        gpu=1,
    params:
        source=lambda wildcards: as_json(POOLS[wildcards.pool].source),
        shards=lambda wildcards: POOLS[wildcards.pool].shards,
        options=lambda wildcards, input: generate_options(input),
        version=code.version("crossgen.generation.generating"),
    shell:
        "logged {log:q} python -m crossgen generate --source {params.source:q} {params.options}"
        " --shard {wildcards.shard} --shards {params.shards} --threads {threads} --output {output:q}"


rule extract_metadata:
    input:
        f"{STORE}/downloads/{{pool}}.parquet",
    output:
        f"{STORE}/manifest/shards/{{pool}}/{{shard}}.parquet",
    log:
        f"{STORE}/logs/extract_metadata/{{pool}}/{{shard}}.log",
    benchmark:
        f"{STORE}/benchmarks/extract_metadata/{{pool}}/{{shard}}.tsv"
    priority: 100
    group:
        lambda wildcards: "metadata" if is_listed_in_one_job(wildcards.pool) else None
    conda:
        "../../envs/conda.yaml"
    threads: lambda wildcards: 1 if POOLS[wildcards.pool].shards == 1 else 2
    resources:
        mem_mb=memory_of("extract_metadata"),
        runtime=minutes_of("extract_metadata"),
    params:
        root=lambda wildcards: POOLS[wildcards.pool].source.root,
        hash=lambda wildcards: "" if POOLS[wildcards.pool].hash else "--no-hash",
        version=code.version("crossgen.data.manifest"),
    shell:
        "logged {log:q}"
        " python -m crossgen extract-metadata --files {input:q} --root {params.root:q} --shard {wildcards.shard}"
        " --threads {threads} {params.hash} --output {output:q}"


rule gather_manifest:
    input:
        lambda wildcards: [
            f"{STORE}/manifest/shards/{wildcards.pool}/{shard}.parquet"
            for shard in range(POOLS[wildcards.pool].shards)
        ],
    output:
        f"{STORE}/manifest/{{pool}}.parquet",
    log:
        f"{STORE}/logs/gather_manifest/{{pool}}.log",
    benchmark:
        f"{STORE}/benchmarks/gather_manifest/{{pool}}.tsv"
    priority: 100
    group:
        lambda wildcards: "metadata" if is_listed_in_one_job(wildcards.pool) else None
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("gather_manifest"),
        runtime=minutes_of("gather_manifest"),
    params:
        limit=lambda wildcards: POOLS[wildcards.pool].max_quarantine,
        version=code.version("crossgen.data.manifest"),
    shell:
        "logged {log:q}"
        " python -m crossgen gather-manifest --shards {input:q} --pool {wildcards.pool} --max-quarantine {params.limit}"
        " --output {output:q}"
