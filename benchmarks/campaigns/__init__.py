"""Long campaigns against the whole program: damaged files (fuzz.py) and killed processes (kill.py)."""
