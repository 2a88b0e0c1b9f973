# Manifest → rows to train on → aligned files → packed crops; and what the header facts tell at each stage.


rule filter_subset:
    input:
        manifests=lambda wildcards: manifests(subset_pools(wildcards.subset, wildcards.train_set)),
        files=lambda wildcards: subset_files(wildcards.subset),
    output:
        selection=f"{STORE}/subsets/{{subset}}/{{train_set}}.parquet",
        waterfall=f"{STORE}/subsets/{{subset}}/{{train_set}}.waterfall.parquet",
    log:
        f"{STORE}/logs/filter_subset/{{subset}}/{{train_set}}.log",
    benchmark:
        f"{STORE}/benchmarks/filter_subset/{{subset}}/{{train_set}}.tsv"
    group:
        "subsets"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("filter_subset"),
        runtime=minutes_of("filter_subset"),
    params:
        subset=lambda wildcards: as_json(SUBSETS[wildcards.subset], exclude={"align", "crop"}),
        roles=lambda wildcards: roles_json(wildcards.subset, wildcards.train_set),
        version=code.version("crossgen.data.subsets"),
    shell:
        "logged {log:q} python -m crossgen filter-subset --manifests {input.manifests:q} --subset {params.subset:q}"
        " --train-set {wildcards.train_set} --roles {params.roles:q} --output {output.selection:q}"
        " --waterfall {output.waterfall:q}"


rule align_jpeg:
    input:
        f"{STORE}/manifest/shards/{{pool}}/{{shard}}.parquet",
    output:
        directory(f"{STORE}/aligned/{{alignment}}/{{pool}}/{{shard}}"),
    log:
        f"{STORE}/logs/align_jpeg/{{alignment}}/{{pool}}/{{shard}}.log",
    benchmark:
        f"{STORE}/benchmarks/align_jpeg/{{alignment}}/{{pool}}/{{shard}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: lambda wildcards: threads_of([wildcards.pool])
    resources:
        mem_mb=memory_of("align_jpeg"),
        runtime=minutes_of("align_jpeg"),
    params:
        root=lambda wildcards: POOLS[wildcards.pool].source.root,
        alignment=lambda wildcards: as_json(ALIGNMENTS[wildcards.alignment], exclude={"seed"}),
        version=code.version("crossgen.data.align"),
    shell:
        "logged {log:q}"
        " python -m crossgen align-jpeg --manifest {input:q} --root {params.root:q} --alignment {params.alignment:q}"
        " --threads {threads} --output {output:q}"


rule align_drawn:
    input:
        f"{STORE}/subsets/{{subset}}/{{train_set}}.parquet",
    output:
        directory(f"{STORE}/drawn/{{subset}}/{{train_set}}/{{pool}}/{{shard}}"),
    log:
        f"{STORE}/logs/align_drawn/{{subset}}/{{train_set}}/{{pool}}/{{shard}}.log",
    benchmark:
        f"{STORE}/benchmarks/align_drawn/{{subset}}/{{train_set}}/{{pool}}/{{shard}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: lambda wildcards: threads_of([wildcards.pool])
    resources:
        mem_mb=memory_of("align_drawn"),
        runtime=minutes_of("align_drawn"),
    params:
        root=lambda wildcards: POOLS[wildcards.pool].source.root,
        alignment=lambda wildcards: as_json(SUBSETS[wildcards.subset].align),
        version=code.version("crossgen.data.align"),
        drawn=code.version("crossgen.data.drawn"),
    shell:
        "logged {log:q}"
        " python -m crossgen align-drawn --selection {input:q} --pool {wildcards.pool} --shard {wildcards.shard}"
        " --root {params.root:q} --alignment {params.alignment:q} --threads {threads} --output {output:q}"


rule pack_crops:
    input:
        selection=f"{STORE}/subsets/{{subset}}/{{train_set}}.parquet",
        aligned=lambda wildcards: aligned(
            wildcards.subset,
            wildcards.train_set,
            packed_shards(wildcards.subset, wildcards.train_set)[int(wildcards.shard)],
        ),
    output:
        crops=f"{STORE}/crops/{{subset}}/{{train_set}}/{{packing}}/{{shard}}/crops.npy",
        index=f"{STORE}/crops/{{subset}}/{{train_set}}/{{packing}}/{{shard}}/index.parquet",
        losses=f"{STORE}/crops/{{subset}}/{{train_set}}/{{packing}}/{{shard}}/losses.parquet",
    log:
        f"{STORE}/logs/pack_crops/{{subset}}/{{train_set}}/{{packing}}/{{shard}}.log",
    benchmark:
        f"{STORE}/benchmarks/pack_crops/{{subset}}/{{train_set}}/{{packing}}/{{shard}}.tsv"
    group:
        lambda wildcards: "crops" if is_packed_in_one_job(wildcards.subset, wildcards.train_set) else None
    conda:
        "../../envs/conda.yaml"
    threads: lambda wildcards: threads_of(chosen_pools(wildcards.subset, wildcards.train_set))
    resources:
        mem_mb=memory_of("pack_crops"),
        runtime=minutes_of("pack_crops"),
    params:
        shards=lambda wildcards: json.dumps(packed_shards(wildcards.subset, wildcards.train_set)[int(wildcards.shard)]),
        folders=lambda wildcards: json.dumps(
            {name: POOLS[name].source.root for name in chosen_pools(wildcards.subset, wildcards.train_set)}
        ),
        frame=lambda wildcards: as_json(
            RECIPES[PACKINGS[wildcards.packing].recipe].packed_frame, exclude={"mean", "std"}
        ),
        crop=lambda wildcards: json.dumps(
            SUBSETS[PACKINGS[wildcards.packing].subset].model_dump(mode="json")["crop"], sort_keys=True
        ),
        n=lambda wildcards: RECIPES[PACKINGS[wildcards.packing].recipe].crops_per_image,
        pairs=lambda wildcards: "--synchronised" if RECIPES[PACKINGS[wildcards.packing].recipe].synchronised else "",
        version=code.version("crossgen.data.pack"),
    shell:
        "logged {log:q} python -m crossgen pack-crops --selection {input.selection:q} --aligned {input.aligned:q}"
        " --shards {params.shards:q} --folders {params.folders:q} --frame {params.frame:q} --crop {params.crop:q}"
        " --crops-per-image {params.n} {params.pairs} --threads {threads}"
        " --lost-for {wildcards.subset:q}/{wildcards.train_set}/{wildcards.packing}"
        " --crops {output.crops:q} --index {output.index:q} --losses {output.losses:q}"


rule gather_crops:
    input:
        selection=f"{STORE}/subsets/{{subset}}/{{train_set}}.parquet",
        indexes=lambda wildcards: packed(wildcards.subset, wildcards.train_set, wildcards.packing, "index.parquet"),
        losses=lambda wildcards: packed(wildcards.subset, wildcards.train_set, wildcards.packing, "losses.parquet"),
    output:
        index=f"{STORE}/crops/{{subset}}/{{train_set}}/{{packing}}/index.parquet",
        losses=f"{STORE}/crops/{{subset}}/{{train_set}}/{{packing}}/losses.parquet",
    log:
        f"{STORE}/logs/gather_crops/{{subset}}/{{train_set}}/{{packing}}.log",
    benchmark:
        f"{STORE}/benchmarks/gather_crops/{{subset}}/{{train_set}}/{{packing}}.tsv"
    group:
        lambda wildcards: "crops" if is_packed_in_one_job(wildcards.subset, wildcards.train_set) else None
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("gather_crops"),
        runtime=minutes_of("gather_crops"),
    params:
        limits=lambda wildcards: json.dumps(
            {name: POOLS[name].max_quarantine for name in chosen_pools(wildcards.subset, wildcards.train_set)}
        ),
        version=code.version("crossgen.data.gather"),
    shell:
        "logged {log:q} python -m crossgen gather-crops --selection {input.selection:q} --indexes {input.indexes:q}"
        " --shard-losses {input.losses:q} --max-quarantine {params.limits:q} --index {output.index:q}"
        " --losses {output.losses:q}"


rule index_files:
    input:
        selection=f"{STORE}/subsets/{{subset}}/{{train_set}}.parquet",
        aligned=lambda wildcards: every_aligned(wildcards.subset, wildcards.train_set),
    output:
        index=f"{STORE}/files/{{subset}}/{{train_set}}/index.parquet",
        losses=f"{STORE}/files/{{subset}}/{{train_set}}/losses.parquet",
    log:
        f"{STORE}/logs/index_files/{{subset}}/{{train_set}}.log",
    benchmark:
        f"{STORE}/benchmarks/index_files/{{subset}}/{{train_set}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("index_files"),
        runtime=minutes_of("index_files"),
    params:
        folders=lambda wildcards: json.dumps(
            {name: POOLS[name].source.root for name in chosen_pools(wildcards.subset, wildcards.train_set)}
        ),
        limits=lambda wildcards: json.dumps(
            {name: POOLS[name].max_quarantine for name in chosen_pools(wildcards.subset, wildcards.train_set)}
        ),
        version=code.version("crossgen.data.whole"),
    shell:
        "logged {log:q} python -m crossgen index-files --selection {input.selection:q} --aligned {input.aligned:q}"
        " --folders {params.folders:q} --max-quarantine {params.limits:q}"
        " --lost-for {wildcards.subset:q}/{wildcards.train_set}/files"
        " --index {output.index:q} --losses {output.losses:q}"


rule audit_biases:
    input:
        manifests=every_manifest(),
        selections=every_selection(),
        indexes=[index for _, _, _, index in audited()],
    output:
        biases=f"{REPORT}/audit/biases.parquet",
        probes=f"{REPORT}/audit/probes.parquet",
        duplicates=f"{REPORT}/audit/duplicates.parquet",
    log:
        f"{REPORT}/logs/audit_biases.log",
    benchmark:
        f"{REPORT}/benchmarks/audit_biases.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("audit_biases"),
        runtime=minutes_of("audit_biases"),
    params:
        audited=json.dumps(audited()),
        train_sets=train_sets_json(),
        level=CONFIG.statistics.level,
        code=code_of("audit_biases"),
    shell:
        "logged {log:q} python -m crossgen audit-biases --manifests {input.manifests:q} --audited {params.audited:q}"
        " --train-sets {params.train_sets:q} --level {params.level} --biases {output.biases:q}"
        " --probes {output.probes:q} --duplicates {output.duplicates:q}"
