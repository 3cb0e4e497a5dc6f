"""Worlds whose truth is known, and what is measured on them; run by ``benchmarks/accuracy.py``."""
