"""What TensorFlow itself does, call by call, beside what we do. Optional: make test-tensorflow."""
