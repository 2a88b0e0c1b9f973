# Images → listing → manifest. These jobs go first, so that a pool with too many unusable images stops the run before any
# detector is trained, be it one that does not learn from that pool.


rule fetch:
    output:
        f"{STORE}/downloads/fetched/{{fetched}}.json",
    log:
        f"{STORE}/logs/fetch/{{fetched}}.log",
    priority: 100
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=2880,
    params:
        source=lambda wildcards: FETCHES[wildcards.fetched],
        version=code.version("crossgen.data.fetch"),
    shell:
        "logged {log:q} python -m crossgen fetch --source {params.source:q} --output {output:q}"


rule download:
    input:
        lambda wildcards: ancient(listed_in(wildcards.pool)),
        lambda wildcards: ancient(fetched_for(wildcards.pool)),
    output:
        f"{STORE}/downloads/{{pool}}.parquet",
    log:
        f"{STORE}/logs/download/{{pool}}.log",
    priority: 100
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=lambda wildcards: 2880 if fetched_for(wildcards.pool) else 60,
    params:
        pool=lambda wildcards: as_json(POOLS[wildcards.pool], exclude={"max_quarantine", "hash", "shares_with"}),
        rows=lambda wildcards: rows_of(wildcards.pool),
        seed=CONFIG.split_seed,
        val=CONFIG.val_fraction,
        test=CONFIG.test_fraction,
        version=code.version("crossgen.data.listing"),
    shell:
        "logged {log:q} python -m crossgen download --pool {params.pool:q} --split-seed {params.seed}"
        " --val-fraction {params.val} --test-fraction {params.test} --output {output:q}"


rule extract_metadata:
    input:
        f"{STORE}/downloads/{{pool}}.parquet",
    output:
        f"{STORE}/manifest/shards/{{pool}}/{{shard}}.parquet",
    log:
        f"{STORE}/logs/extract_metadata/{{pool}}/{{shard}}.log",
    priority: 100
    conda:
        "../../envs/conda.yaml"
    threads: lambda wildcards: 1 if POOLS[wildcards.pool].shards == 1 else 2
    resources:
        mem_mb=1500,
        runtime=60,
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
    priority: 100
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        limit=lambda wildcards: POOLS[wildcards.pool].max_quarantine,
        version=code.version("crossgen.data.manifest"),
    shell:
        "logged {log:q}"
        " python -m crossgen gather-manifest --shards {input:q} --pool {wildcards.pool} --max-quarantine {params.limit}"
        " --output {output:q}"
