"""A Windows Python under Wine, and the tests that only Windows can run; `.ci/windows` runs them."""
