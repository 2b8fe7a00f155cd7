"""Training: recipes, augmentations, losses, schedules, and the trainer that runs them stage by stage."""
