"""Training: stages, loop, runs on disk, jobs. Import from the modules: most need torch."""
