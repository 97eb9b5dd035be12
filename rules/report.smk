"""Pictures and figures: what `snakemake --report report.html` tells, its categories numbered in the order of the story.

REQUIRED INPUTS: the products they show; beside resources.svg what Snakemake measured of the jobs.
OUTPUTS: overview.png, some images as rows through the pipeline; report/*.svg, photographs.png and settings.html; on
demand gallery/, all images as pages to walk through.
"""


report: "captions/report.rst"


rule overview:
    """Overview: images as rows through the pipeline."""
    input:
        unpack(inputs_of("overview")),
    output:
        report(
            "<results>/{run}overview.png",
            caption="captions/overview.rst",
            category="7 Photographs",
            labels=labels_of("through the pipeline"),
        ),
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


rule plot_training:
    """Figures: the data and the training."""
    input:
        unpack(inputs_of("plot_training")),
    output:
        data=report(
            "<results>/{run}report/data.svg",
            caption="captions/data.rst",
            category="1 Data",
            labels=labels_of("classes"),
        ),
        rounds=report(
            "<results>/{run}report/rounds.svg",
            caption="captions/rounds.rst",
            category="2 Erasing rounds",
            labels=labels_of("losses"),
        ),
        segmentation=report(
            "<results>/{run}report/segmentation.svg",
            caption="captions/segmentation.rst",
            category="5 Segmentation training",
            labels=labels_of("losses"),
        ),
    log:
        "<logs>/{run}plot_training.log",
    benchmark:
        "<benchmarks>/{run}plot_training.tsv"
    conda:
        "../envs/aepsl.yaml"
    params:
        settings=settings_of("plot_training"),
        tracked=tracked_by("plot_training"),
        options=options_of("plot_training"),
    shell:
        "python -m aepsl plot-training"
        " --settings {params.settings:q}"
        " --train {input.train:q}"
        " --val {input.val:q}"
        " --histories {input.histories:q}"
        " --segmentation-history {input.segmentation_history:q}"
        " --data {output.data:q}"
        " --rounds {output.rounds:q}"
        " --segmentation {output.segmentation:q}"
        " --log {log:q} {params.options}"


rule plot_quality:
    """Figures: mined regions and pseudo-labels."""
    input:
        unpack(inputs_of("plot_quality")),
    output:
        regions=report(
            "<results>/{run}report/regions.svg",
            caption="captions/regions.rst",
            category="3 Mined regions",
            labels=labels_of("coverage and precision"),
        ),
        labels=report(
            "<results>/{run}report/pseudo_labels.svg",
            caption="captions/pseudo_labels.rst",
            category="4 Pseudo-labels",
            labels=labels_of("mIoU"),
        ),
    log:
        "<logs>/{run}plot_quality.log",
    benchmark:
        "<benchmarks>/{run}plot_quality.tsv"
    conda:
        "../envs/aepsl.yaml"
    params:
        settings=settings_of("plot_quality"),
        tracked=tracked_by("plot_quality"),
        options=options_of("plot_quality"),
    shell:
        "python -m aepsl plot-quality"
        " --settings {params.settings:q}"
        " --quality {input.quality:q}"
        " --regions {output.regions:q}"
        " --labels {output.labels:q}"
        " --log {log:q} {params.options}"


rule plot_result:
    """Figures: the result by class, and the best and worst photographs."""
    input:
        unpack(inputs_of("plot_result")),
    output:
        iou=report(
            "<results>/{run}report/iou.svg",
            caption="captions/iou.rst",
            category="6 Result",
            labels=labels_of("class by class"),
        ),
        confusion=report(
            "<results>/{run}report/confusion.svg",
            caption="captions/confusion.rst",
            category="6 Result",
            labels=labels_of("confusion matrix"),
        ),
        photographs=report(
            "<results>/{run}report/photographs.png",
            caption="captions/photographs.rst",
            category="7 Photographs",
            labels=labels_of("best, median, worst"),
        ),
    log:
        "<logs>/{run}plot_result.log",
    benchmark:
        "<benchmarks>/{run}plot_result.tsv"
    conda:
        "../envs/aepsl.yaml"
    params:
        settings=settings_of("plot_result"),
        tracked=tracked_by("plot_result"),
        options=options_of("plot_result"),
    shell:
        "python -m aepsl plot-result"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --predictions {input.predictions:q}"
        " --miou {input.miou:q}"
        " --counts {input.counts:q}"
        " --ceiling {input.ceiling:q}"
        " --iou {output.iou:q}"
        " --confusion {output.confusion:q}"
        " --photographs {output.photographs:q}"
        " --log {log:q} {params.options}"


rule plot_resources:
    """Figure: time and memory of each stage."""
    input:
        unpack(inputs_of("plot_resources")),
    output:
        report(
            "<results>/report/resources.svg",
            caption="captions/resources.rst",
            category="8 Time and memory",
            labels=labels_of("of each stage"),
        ),
    log:
        "<logs>/plot_resources.log",
    benchmark:
        "<benchmarks>/plot_resources.tsv"
    conda:
        "../envs/aepsl.yaml"
    params:
        settings=settings_of("plot_resources"),
        tracked=tracked_by("plot_resources"),
        options=options_of("plot_resources"),
    shell:
        "python -m aepsl plot-resources"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule list_settings:
    """Page: all settings."""
    input:
        unpack(inputs_of("list_settings")),
    output:
        report(
            "<results>/report/settings.html",
            caption="captions/settings.rst",
            category="9 Settings",
            labels=labels_of("all, beside their defaults"),
        ),
    log:
        "<logs>/list_settings.log",
    benchmark:
        "<benchmarks>/list_settings.tsv"
    conda:
        "../envs/aepsl.yaml"
    params:
        settings=settings_of("list_settings"),
        tracked=tracked_by("list_settings"),
        options=options_of("list_settings"),
    shell:
        "python -m aepsl list-settings"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"
