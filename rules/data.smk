"""Photographs and image-level labels.

REQUIRED INPUTS: none (dataset.format scenes), or dataset.root: VOC's layout, or a folder with a table of labels.
OUTPUTS: data/train.json, data/val.json, the manifests.
"""


rule scenes:
    """Scenes: draw the embedded photographs of a split."""
    output:
        directory("<results>/{run}data/scenes/{split}/JPEGImages"),
        directory("<results>/{run}data/scenes/{split}/SegmentationClass"),
        directory("<results>/{run}data/scenes/{split}/SegmentationParts"),
        labels="<results>/{run}data/scenes/{split}/labels.csv",
    log:
        "<logs>/{run}scenes_{split}.log",
    benchmark:
        "<benchmarks>/{run}scenes_{split}.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("scenes"),
        tracked=tracked_by("scenes"),
        options=options_of("scenes"),
    shell:
        "python -m aepsl scenes"
        " --settings {params.settings:q}"
        " --output {output.labels:q}"
        " --log {log:q} {params.options}"


rule manifest:
    """Manifest: the images of a split with their image-level labels."""
    input:
        unpack(inputs_of("manifest")),
    output:
        "<results>/{run}data/{split}.json",
    log:
        "<logs>/{run}manifest_{split}.log",
    benchmark:
        "<benchmarks>/{run}manifest_{split}.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("manifest"),
        tracked=tracked_by("manifest"),
        options=options_of("manifest"),
    shell:
        "python -m aepsl manifest"
        " --settings {params.settings:q}"
        " --scenes {input.scenes:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"
