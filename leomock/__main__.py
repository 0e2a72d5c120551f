"""`python -m leomock` is the `leomock` command."""

from leomock.cli.main import main

if __name__ == "__main__":
    main()
