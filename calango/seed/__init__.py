"""Made-up conversations that look like real ones, the same for the same seed: for demos, screenshots and benchmarks."""
