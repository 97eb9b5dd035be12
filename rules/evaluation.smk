"""Judging: the only rules that open ground-truth masks, but for the ceiling's training and the pictures of report.smk.

REQUIRED INPUTS: what is judged; the dataset's masks.
OUTPUTS: miou.json, the headline, and miou_images.csv, its pixels image by image; classifiers.json, labels.json and
quality.json, every intermediate product; comparison.json, .md and .png, the runs side by side.
"""


rule evaluate:
    """Evaluation: mIoU of the predictions."""
    input:
        unpack(inputs_of("evaluate")),
    output:
        miou=report("<results>/{run}miou.json", category="6 Result", labels=labels_of("numbers: miou.json")),
        counts="<results>/{run}miou_images.csv",
    log:
        "<logs>/{run}evaluate.log",
    benchmark:
        "<benchmarks>/{run}evaluate.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("evaluate"),
        tracked=tracked_by("evaluate"),
        options=options_of("evaluate"),
    shell:
        "python -m aepsl evaluate"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --predictions {input.predictions:q}"
        " --refined {input.refined:q}"
        " --output {output.miou:q}"
        " --counts {output.counts:q}"
        " --log {log:q} {params.options}"


rule judge_classifiers:
    """Classifier quality: mAP of each round's on the validation photographs."""
    input:
        unpack(inputs_of("judge_classifiers")),
    output:
        report(
            "<results>/{run}classifiers.json",
            category="2 Erasing rounds",
            labels=labels_of("numbers: classifiers.json"),
        ),
    log:
        "<logs>/{run}judge_classifiers.log",
    benchmark:
        "<benchmarks>/{run}judge_classifiers.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: threads_of("judge_classifiers")
    resources:
        gpu=gpus_of("judge_classifiers"),
    params:
        settings=settings_of("judge_classifiers"),
        tracked=tracked_by("judge_classifiers"),
        options=options_of("judge_classifiers"),
    shell:
        "python -m aepsl judge-classifiers"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --classifiers {input.classifiers:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule judge_labels:
    """Label quality: the label maps that were learned from."""
    input:
        unpack(inputs_of("judge_labels")),
    output:
        report("<results>/{run}labels.json", category="4 Pseudo-labels", labels=labels_of("numbers: labels.json")),
    log:
        "<logs>/{run}judge_labels.log",
    benchmark:
        "<benchmarks>/{run}judge_labels.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("judge_labels"),
        tracked=tracked_by("judge_labels"),
        options=options_of("judge_labels"),
    shell:
        "python -m aepsl judge-labels"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --labels {input.labels:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule quality:
    """Quality: mined regions and pseudo-labels, round by round, beside their controls."""
    input:
        unpack(inputs_of("quality")),
    output:
        report("<results>/{run}quality.json", category="3 Mined regions", labels=labels_of("numbers: quality.json")),
    log:
        "<logs>/{run}quality.log",
    benchmark:
        "<benchmarks>/{run}quality.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("quality"),
        tracked=tracked_by("quality"),
        options=options_of("quality"),
    shell:
        "python -m aepsl quality"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --cams {input.cams:q}"
        " --masks {input.masks:q}"
        " --histories {input.histories:q}"
        " --saliency {input.saliency:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule comparison:
    """Comparison: the runs side by side."""
    input:
        unpack(inputs_of("comparison")),
    output:
        comparison=report(
            "<results>/comparison.json", category="6 Result", labels=labels_of("numbers: comparison.json", "all")
        ),
        table="<results>/comparison.md",
        figure=report(
            "<results>/comparison.png",
            caption="captions/comparison.rst",
            category="6 Result",
            labels=labels_of("comparison of the runs", "all"),
        ),
    log:
        "<logs>/comparison.log",
    benchmark:
        "<benchmarks>/comparison.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("comparison"),
        tracked=tracked_by("comparison"),
        options=options_of("comparison"),
    shell:
        "python -m aepsl comparison"
        " --settings {params.settings:q}"
        " --miou {input.miou:q}"
        " --counts {input.counts:q}"
        " --classifiers {input.classifiers:q}"
        " --labels {input.labels:q}"
        " --quality {input.quality:q}"
        " --output {output.comparison:q}"
        " --table {output.table:q}"
        " --figure {output.figure:q}"
        " --log {log:q} {params.options}"
