"""What the embedded voice costs, beside what it cost before and beside its model alone."""
