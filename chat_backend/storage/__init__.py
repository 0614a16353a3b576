"""Sessions on disk: `archive` lists and exports them, `removal` and `retention` remove them."""
