"""Online prohibitive segmentation learning (paper, section 3.2), prediction, CRF, and VOC's evaluation server.

REQUIRED INPUTS: data/train.json, data/val.json, pseudo_labels/index.json.
OUTPUTS: segmentation/model.safetensors, history.jsonl; shards of scores.h5, predictions/, predictions_crf/ and, for
PSL++, self_labels/; submission.tar.gz.
"""


rule train_segmentation:
    """Segmentation: train the network."""
    input:
        unpack(inputs_of("train_segmentation")),
    output:
        model="<results>/{run}segmentation/model.safetensors",
        history="<results>/{run}segmentation/history.jsonl",
    log:
        "<logs>/{run}train_segmentation.log",
    benchmark:
        "<benchmarks>/{run}train_segmentation.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: threads_of("train_segmentation")
    resources:
        gpu=gpus_of("train_segmentation"),
    params:
        settings=settings_of("train_segmentation"),
        tracked=tracked_by("train_segmentation"),
        command=command_of("train_segmentation"),
        options=options_of("train_segmentation"),
    shell:
        "{params.command}"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --labels {input.labels:q}"
        " --start {input.start:q}"
        " --model {output.model:q}"
        " --history {output.history:q}"
        " --log {log:q} {params.options}"


rule self_labels:
    """PSL++: label the training images by the trained network."""
    input:
        unpack(inputs_of("self_labels")),
    output:
        temp(directory("<results>/{run}self_labels.{scatteritem}")),
    log:
        "<logs>/{run}self_labels.{scatteritem}.log",
    benchmark:
        "<benchmarks>/{run}self_labels.{scatteritem}.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    resources:
        gpu=gpus_of("self_labels"),
    params:
        settings=settings_of("self_labels"),
        tracked=tracked_by("self_labels"),
        options=options_of("self_labels"),
    shell:
        "python -m aepsl self-labels"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --model {input.model:q}"
        " --output {output:q}/index.json"
        " --log {log:q} {params.options}"


rule predict:
    """Prediction: segment the validation images."""
    input:
        unpack(inputs_of("predict")),
    output:
        scores=temp("<results>/{run}scores.{scatteritem}.h5"),
        labels=temp(directory("<results>/{run}predictions.{scatteritem}")),
    log:
        "<logs>/{run}predict.{scatteritem}.log",
    benchmark:
        "<benchmarks>/{run}predict.{scatteritem}.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: threads_of("predict")
    resources:
        gpu=gpus_of("predict"),
    params:
        settings=settings_of("predict"),
        tracked=tracked_by("predict"),
        options=options_of("predict"),
    shell:
        "python -m aepsl predict"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --model {input.model:q}"
        " --scores {output.scores:q}"
        " --output {output.labels:q}/index.json"
        " --log {log:q} {params.options}"


rule crf:
    """CRF: refine the predictions."""
    input:
        unpack(inputs_of("crf")),
    output:
        temp(directory("<results>/{run}predictions_crf.{scatteritem}")),
    log:
        "<logs>/{run}crf.{scatteritem}.log",
    benchmark:
        "<benchmarks>/{run}crf.{scatteritem}.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("crf"),
        tracked=tracked_by("crf"),
        options=options_of("crf"),
    shell:
        "python -m aepsl crf"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --scores {input.scores:q}"
        " --output {output:q}/index.json"
        " --log {log:q} {params.options}"


rule submission:
    """Submission: pack the predictions for VOC's evaluation server."""
    input:
        unpack(inputs_of("submission")),
    output:
        "<results>/{run}submission.tar.gz",
    log:
        "<logs>/{run}submission.log",
    benchmark:
        "<benchmarks>/{run}submission.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("submission"),
        tracked=tracked_by("submission"),
        options=options_of("submission"),
    shell:
        "python -m aepsl submission"
        " --settings {params.settings:q}"
        " --predictions {input.predictions:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"
