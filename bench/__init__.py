"""Benchmarks: `make bench` or `python -m bench`. Numbers, never pass or fail in a test."""
