"""What does a writer lose when everything goes wrong? Scenarios as data, a runner for each, and one report of them all."""
