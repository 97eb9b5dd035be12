"""`python -m aepsl`."""

from aepsl.cli import main

main()
