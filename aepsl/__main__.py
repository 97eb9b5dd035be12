"""`aepsl`, and `python -m aepsl`."""

import sys


def main() -> None:
    """Run a command; Ctrl-C ends it in one line, also in the middle of its imports."""
    try:
        from aepsl.cli import main as run

        run()
    except KeyboardInterrupt:
        print("aepsl: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
