"""Pictures.

REQUIRED INPUTS: the products they show.
OUTPUTS: overview.png, some images as rows through the pipeline; on demand gallery/, all of them as pages to walk through.
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


rule gallery:
    """Gallery: every image as a row through the pipeline, to filter and sort in a browser."""
    input:
        unpack(inputs_of("gallery")),
    output:
        directory("<results>/{run}gallery"),
        index="<results>/{run}gallery/index.html",
    log:
        "<logs>/{run}gallery.log",
    benchmark:
        "<benchmarks>/{run}gallery.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("gallery"),
        tracked=tracked_by("gallery"),
        options=options_of("gallery"),
    shell:
        "python -m aepsl gallery"
        " --settings {params.settings:q}"
        " --train {input.train:q}"
        " --val {input.val:q}"
        " --erased {input.erased:q}"
        " --cams {input.cams:q}"
        " --masks {input.masks:q}"
        " --saliency {input.saliency:q}"
        " --pseudo-labels {input.pseudo_labels:q}"
        " --predictions {input.predictions:q}"
        " --refined {input.refined:q}"
        " --output {output.index:q}"
        " --log {log:q} {params.options}"
