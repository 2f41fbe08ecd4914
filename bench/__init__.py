"""Measurements: each prints figures and, last, one JSON object; ratios are of one run on one machine."""
