"""Adversarial erasing (paper, Algorithm 1): round t trains M_t on I_t, mines F_t, erases it to I_{t+1}.

REQUIRED INPUTS: data/train.json (round 1), round{t-1}/erased/index.json (round t).
OUTPUTS: round{t}/classifier.safetensors, history.jsonl, cams.h5, masks.h5, erased/.
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
    threads: workflow.cores
    resources:
        gpu=gpus_of("train_classifier"),
    params:
        settings=settings_of("train_classifier"),
        code=code_of("train_classifier"),
        content=content_of("train_classifier"),
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
        "<results>/{run}round{round}/cams.h5",
    log:
        "<logs>/{run}round{round}/cams.log",
    benchmark:
        "<benchmarks>/{run}round{round}/cams.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    resources:
        gpu=gpus_of("cams"),
    params:
        settings=settings_of("cams"),
        code=code_of("cams"),
        options=options_of("cams"),
    shell:
        "python -m aepsl cams"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --classifier {input.classifier:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule mine:
    """Round t: threshold the maps to mined regions."""
    input:
        unpack(inputs_of("mine")),
    output:
        "<results>/{run}round{round}/masks.h5",
    log:
        "<logs>/{run}round{round}/mine.log",
    benchmark:
        "<benchmarks>/{run}round{round}/mine.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("mine"),
        code=code_of("mine"),
        options=options_of("mine"),
    shell:
        "python -m aepsl mine"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --cams {input.cams:q}"
        " --earlier {input.earlier:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule erase:
    """Round t: fill what was mined, for the images of the next round."""
    input:
        unpack(inputs_of("erase")),
    output:
        directory("<results>/{run}round{round}/erased"),
        index="<results>/{run}round{round}/erased/index.json",
    log:
        "<logs>/{run}round{round}/erase.log",
    benchmark:
        "<benchmarks>/{run}round{round}/erase.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("erase"),
        code=code_of("erase"),
        options=options_of("erase"),
    shell:
        "python -m aepsl erase"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --masks {input.masks:q}"
        " --output {output.index:q}"
        " --log {log:q} {params.options}"
