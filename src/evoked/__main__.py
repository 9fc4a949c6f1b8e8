"""python -m evoked: the command line."""

from evoked.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
