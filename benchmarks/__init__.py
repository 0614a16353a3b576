"""Measurements. Every figure is a ratio against something in the same run."""
