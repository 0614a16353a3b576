"""Servers of others that we call: their keys, how they fail, and how we treat them."""
