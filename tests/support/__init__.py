"""What several tests need: servers, a fake clock, readers of event files."""
