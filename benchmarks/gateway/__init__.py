"""The gateway measured: latency, intake, growth, and many sessions through one process."""
