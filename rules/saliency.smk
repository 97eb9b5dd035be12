"""Saliency and pseudo-labels (paper, section 3.2).

REQUIRED INPUTS: data/train.json, round{t}/masks.h5 of the merged rounds.
OUTPUTS: shards of saliency.h5; pseudo_labels/ (palette PNGs: 0 background, 1.. the classes, 255 ignored).
"""


rule saliency:
    """Saliency: where objects are likely, without labels."""
    input:
        unpack(inputs_of("saliency")),
    output:
        temp("<results>/{run}saliency.{scatteritem}.h5"),
    log:
        "<logs>/{run}saliency.{scatteritem}.log",
    benchmark:
        "<benchmarks>/{run}saliency.{scatteritem}.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("saliency"),
        tracked=tracked_by("saliency"),
        options=options_of("saliency"),
    shell:
        "python -m aepsl saliency"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule pseudo_labels:
    """Pseudo-labels: the rounds' mined regions and the saliency background."""
    input:
        unpack(inputs_of("pseudo_labels")),
    output:
        directory("<results>/{run}pseudo_labels"),
        index="<results>/{run}pseudo_labels/index.json",
    log:
        "<logs>/{run}pseudo_labels.log",
    benchmark:
        "<benchmarks>/{run}pseudo_labels.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("pseudo_labels"),
        tracked=tracked_by("pseudo_labels"),
        options=options_of("pseudo_labels"),
    shell:
        "python -m aepsl pseudo-labels"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --masks {input.masks:q}"
        " --saliency {input.saliency:q}"
        " --histories {input.histories:q}"
        " --output {output.index:q}"
        " --log {log:q} {params.options}"
