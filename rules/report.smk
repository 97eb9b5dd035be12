"""Pictures.

REQUIRED INPUTS: the products they show.
OUTPUTS: overview.png, some images as rows through the pipeline.
"""


rule overview:
    """Overview: images as rows through the pipeline."""
    input:
        unpack(inputs_of("overview")),
    output:
        report("<results>/{run}overview.png", category="Pictures", labels={"run": "{run}", "what": "overview"}),
    log:
        "<logs>/{run}overview.log",
    benchmark:
        "<benchmarks>/{run}overview.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("overview"),
        tracked=tracked_by("overview"),
        options=options_of("overview"),
    shell:
        "python -m aepsl overview"
        " --settings {params.settings:q}"
        " --train {input.train:q}"
        " --val {input.val:q}"
        " --erased {input.erased:q}"
        " --cams {input.cams:q}"
        " --saliency {input.saliency:q}"
        " --pseudo-labels {input.pseudo_labels:q}"
        " --predictions {input.predictions:q}"
        " --refined {input.refined:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"
