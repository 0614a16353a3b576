"""What tests, benchmarks and chaos share."""
