"""What happens to a sample before a network sees it."""
