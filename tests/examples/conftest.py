"""The tests here are run by tests/test_examples.py, away from this project's settings."""

collect_ignore_glob = ["*.py"]
