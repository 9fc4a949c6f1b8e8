"""The Python API: the functions that `import evoked` offers. Each calls what the command of the same name calls."""
