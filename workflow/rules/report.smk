# Metrics, audit and selections → tables, figures, page. Nothing here loads a network.


rule tabulate:
    input:
        **report_inputs(),
        detectors=every_detector(),
    output:
        [
            report(
                f"{REPORT}/tables/{table}.csv",
                category="Tables",
                caption="../report/table.rst",
                labels={"table": table},
            )
            for table in TABLES
        ],
        [f"{REPORT}/tables/{table}.{suffix}" for table in TABLES for suffix in ("md", "tex")],
    log:
        f"{REPORT}/logs/tabulate.log",
    benchmark:
        f"{REPORT}/benchmarks/tabulate.tsv"
    group:
        "report"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("tabulate"),
        runtime=minutes_of("tabulate"),
    params:
        options=f"{report_options()} {detector_options()}",
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        code=code_of("tabulate"),
    shell:
        "logged {log:q} python -m crossgen tabulate {params.options} --output {params.folder:q}"


rule plot:
    input:
        **report_inputs(),
    output:
        report(
            f"{REPORT}/figures/{{figure}}.svg",
            category="Figures",
            subcategory=lambda wildcards: wildcards.figure.split("_")[0],
            caption="../report/figure.rst",
            labels={"figure": "{figure}"},
        ),
        f"{REPORT}/figures/{{figure}}.png",
    log:
        f"{REPORT}/logs/plot/{{figure}}.log",
    benchmark:
        f"{REPORT}/benchmarks/plot/{{figure}}.tsv"
    group:
        "report"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("plot"),
        runtime=minutes_of("plot"),
    params:
        options=report_options(),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        code=code_of("plot"),
    shell:
        "logged {log:q}"
        " python -m crossgen plot {params.options} --figure {wildcards.figure:q} --output {params.folder:q}"


rule report:
    input:
        **report_inputs(),
        detectors=every_detector(),
        tables=[f"{REPORT}/tables/{table}.csv" for table in TABLES],
        figures=figures(),
        scores=every_score(),
    output:
        page=f"{REPORT}/report.html",
        # Snakemake's report shows pages as data: addresses, and Chromium opens none of more than 2 MB
        overview=report(
            f"{REPORT}/overview.html",
            category="Report",
            caption="../report/page.rst",
            labels={"page": "overview"},
        ),
        summary=f"{REPORT}/summary.txt",
        config=f"{REPORT}/config.json",
        run=f"{REPORT}/run.json",
    log:
        f"{REPORT}/logs/report.log",
    benchmark:
        f"{REPORT}/benchmarks/report.tsv"
    group:
        "report"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("report"),
        runtime=minutes_of("report"),
    params:
        options=f"{report_options()} {detector_options()}",
        files=run_files(),
        replay=replayed(),
        config=as_json(CONFIG, exclude=set(Machine.model_fields)),
        code=code_of("report"),
    shell:
        "logged {log:q} python -m crossgen report {params.options} --files {params.files:q} --figures {input.figures:q}"
        " --replay {params.replay:q} --config {params.config:q} --config-file {output.config:q}"
        " --page {output.page:q} --overview {output.overview:q} --summary {output.summary:q} --run {output.run:q}"


rule describe_run:
    input:
        run=f"{REPORT}/run.json",
        manifests=every_manifest(),
        weights=every_weight(),
    output:
        card=f"{REPORT}/card.json",
        page=f"{REPORT}/card.html",
        crate=f"{REPORT}/ro-crate-metadata.json",
    log:
        f"{REPORT}/logs/describe_run.log",
    benchmark:
        f"{REPORT}/benchmarks/describe_run.tsv"
    group:
        "report"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("describe_run"),
        runtime=minutes_of("describe_run"),
    params:
        benchmarks=f"{REPORT}/benchmarks",
        store=f"{STORE}/benchmarks",
        jobs=stored_jobs(),
        code=code_of("describe_run"),
    shell:
        "logged {log:q} python -m crossgen describe-run --run {input.run:q} --lock envs/requirements.txt"
        " --benchmarks {params.benchmarks:q} --store-benchmarks {params.store:q} --jobs {params.jobs:q}"
        " --weights {input.weights:q} --card {output.card:q} --page {output.page:q} --crate {output.crate:q}"
