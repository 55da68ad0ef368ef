"""What the page costs a browser and how it bears many people at once: ``python -m benchmarks.page``."""
