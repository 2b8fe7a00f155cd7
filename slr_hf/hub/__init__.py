"""What is published: model folders with their cards."""
