"""How fast the package is: measurements that print as JSON. `scripts/benchmark.py` runs them."""
