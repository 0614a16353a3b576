"""Sessions on disk: `archive` lists, exports and removes them, `leftovers` cleans up."""
