"""Shards: the per-image stages split their images over `shards` jobs (`set-scatter` of a profile); here they meet again.

REQUIRED INPUTS: the shards of a product, temporary; the manifest of its images.
OUTPUTS: round{t}/cams.h5, masks.h5, erased/, saliency.h5, self_labels/, scores.h5, predictions/, predictions_crf/.
"""


scattergather:
    shards=1,


rule gather_file:
    """Gather the shards of an HDF5 file."""
    input:
        images=images_gathered,
        shards=gather.shards("<results>/{{run}}{{file}}.{scatteritem}.h5"),
    output:
        "<results>/{run}{file}.h5",
    log:
        "<logs>/{run}{file}.log",
    benchmark:
        "<benchmarks>/{run}{file}.tsv"
    wildcard_constraints:
        file=f"round({ROUNDS})/(cams|masks)|saliency|scores",
    conda:
        "../envs/aepsl.yaml"
    params:
        tracked=tracked_by_gathering,
        options=options_of_gathering,
    shell:
        "python -m aepsl gather"
        " --images {input.images:q}"
        " --shards {input.shards:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule gather_folder:
    """Gather the shards of a folder of pictures."""
    input:
        images=images_gathered,
        shards=gather.shards("<results>/{{run}}{{folder}}.{scatteritem}"),
    output:
        directory("<results>/{run}{folder}"),
        index="<results>/{run}{folder}/index.json",
    log:
        "<logs>/{run}{folder}.log",
    benchmark:
        "<benchmarks>/{run}{folder}.tsv"
    wildcard_constraints:
        folder=f"round({ROUNDS})/erased|self_labels|predictions|predictions_crf",
    conda:
        "../envs/aepsl.yaml"
    params:
        tracked=tracked_by_gathering,
        options=options_of_gathering,
    shell:
        "python -m aepsl gather"
        " --images {input.images:q}"
        " --shards {input.shards:q}"
        " --output {output.index:q}"
        " --log {log:q} {params.options}"
