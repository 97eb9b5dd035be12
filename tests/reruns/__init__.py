"""What a change has to rerun, written by hand, beside what Snakemake's dry run plans: `python -m tests.reruns`."""
