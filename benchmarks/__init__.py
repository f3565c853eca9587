"""Ratios and latencies, run by ``make bench``."""
