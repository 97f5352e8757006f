"""The made-up county, and the walk simulator that benchmarks use too."""
