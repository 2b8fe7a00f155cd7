"""Recognition in streams of landmarks: where signs begin and end, and which they are."""
