"""Adversarial erasing (paper, Algorithm 1): round t trains M_t on I_t, mines F_t, erases it to I_{t+1}.

REQUIRED INPUTS: data/train.json (round 1), round{t-1}/erased/index.json (round t).
OUTPUTS: round{t}/classifier.safetensors, history.jsonl, threshold.json; shards of cams.h5, masks.h5, erased/.
"""


rule train_classifier:
    """Round t: train a fresh classifier."""
    input:
        unpack(inputs_of("train_classifier")),
    output:
        model="<results>/{run}round{round}/classifier.safetensors",
        history="<results>/{run}round{round}/history.jsonl",
    log:
        "<logs>/{run}round{round}/train_classifier.log",
    benchmark:
        "<benchmarks>/{run}round{round}/train_classifier.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: threads_of("train_classifier")
    resources:
        gpu=gpus_of("train_classifier"),
    params:
        settings=settings_of("train_classifier"),
        tracked=tracked_by("train_classifier"),
        command=command_of("train_classifier"),
        options=options_of("train_classifier"),
    shell:
        "{params.command}"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --model {output.model:q}"
        " --history {output.history:q}"
        " --log {log:q} {params.options}"


rule cams:
    """Round t: class activation maps of the image's own labels, at the network's resolution."""
    input:
        unpack(inputs_of("cams")),
    output:
        temp("<results>/{run}round{round}/cams.{scatteritem}.h5"),
    log:
        "<logs>/{run}round{round}/cams.{scatteritem}.log",
    benchmark:
        "<benchmarks>/{run}round{round}/cams.{scatteritem}.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: threads_of("cams")
    resources:
        gpu=gpus_of("cams"),
    params:
        settings=settings_of("cams"),
        tracked=tracked_by("cams"),
        options=options_of("cams"),
    shell:
        "python -m aepsl cams"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --classifier {input.classifier:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule calibrate:
    """Round t: find the threshold at which the area asked for is mined."""
    input:
        unpack(inputs_of("calibrate")),
    output:
        "<results>/{run}round{round}/threshold.json",
    log:
        "<logs>/{run}round{round}/calibrate.log",
    benchmark:
        "<benchmarks>/{run}round{round}/calibrate.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("calibrate"),
        tracked=tracked_by("calibrate"),
        options=options_of("calibrate"),
    shell:
        "python -m aepsl calibrate"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --cams {input.cams:q}"
        " --earlier {input.earlier:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule mine:
    """Round t: threshold the maps to mined regions."""
    input:
        unpack(inputs_of("mine")),
    output:
        temp("<results>/{run}round{round}/masks.{scatteritem}.h5"),
    log:
        "<logs>/{run}round{round}/mine.{scatteritem}.log",
    benchmark:
        "<benchmarks>/{run}round{round}/mine.{scatteritem}.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("mine"),
        tracked=tracked_by("mine"),
        options=options_of("mine"),
    shell:
        "python -m aepsl mine"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --cams {input.cams:q}"
        " --earlier {input.earlier:q}"
        " --calibration {input.calibration:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule erase:
    """Round t: fill what was mined, for the images of the next round."""
    input:
        unpack(inputs_of("erase")),
    output:
        temp(directory("<results>/{run}round{round}/erased.{scatteritem}")),
    log:
        "<logs>/{run}round{round}/erase.{scatteritem}.log",
    benchmark:
        "<benchmarks>/{run}round{round}/erase.{scatteritem}.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("erase"),
        tracked=tracked_by("erase"),
        options=options_of("erase"),
    shell:
        "python -m aepsl erase"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --masks {input.masks:q}"
        " --output {output:q}/index.json"
        " --log {log:q} {params.options}"
