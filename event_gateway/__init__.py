"""The sidecar: knows what is ready, writes down what is due, and tells the one TouchDesigner."""
