"""Training: runs on disk, stages, loop, jobs."""
