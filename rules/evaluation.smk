"""Judging: the only rules that open ground-truth masks, but for the ceiling's training.

REQUIRED INPUTS: what is judged; the dataset's masks.
OUTPUTS: miou.json, the headline; quality.json, every intermediate product; comparison.json, the runs side by side.
"""


rule evaluate:
    """Evaluation: mIoU of the predictions."""
    input:
        unpack(inputs_of("evaluate")),
    output:
        report("<results>/{run}miou.json", category="Result", labels={"run": "{run}", "what": "mIoU"}),
    log:
        "<logs>/{run}evaluate.log",
    benchmark:
        "<benchmarks>/{run}evaluate.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("evaluate"),
        code=code_of("evaluate"),
        content=content_of("evaluate"),
        options=options_of("evaluate"),
    shell:
        "python -m aepsl evaluate"
        " --settings {params.settings:q}"
        " --images {input.images:q}"
        " --predictions {input.predictions:q}"
        " --refined {input.refined:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"


rule quality:
    """Quality: mined regions and pseudo-labels, round by round, beside their controls."""
    input:
        unpack(inputs_of("quality")),
    output:
        report("<results>/{run}quality.json", category="Result", labels={"run": "{run}", "what": "quality"}),
    log:
        "<logs>/{run}quality.log",
    benchmark:
        "<benchmarks>/{run}quality.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("quality"),
        code=code_of("quality"),
        content=content_of("quality"),
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
        report("<results>/comparison.json", category="Result", labels={"run": "all", "what": "comparison"}),
    log:
        "<logs>/comparison.log",
    benchmark:
        "<benchmarks>/comparison.tsv"
    conda:
        "../envs/aepsl.yaml"
    threads: workflow.cores
    params:
        settings=settings_of("comparison"),
        code=code_of("comparison"),
        options=options_of("comparison"),
    shell:
        "python -m aepsl comparison"
        " --settings {params.settings:q}"
        " --miou {input.miou:q}"
        " --output {output:q}"
        " --log {log:q} {params.options}"
