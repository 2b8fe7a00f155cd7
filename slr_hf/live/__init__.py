"""Signs in long videos: where they begin and end, and which they are."""
