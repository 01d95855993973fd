"""A synthetic frontal chest radiograph with its report, deterministic by seed and index."""
