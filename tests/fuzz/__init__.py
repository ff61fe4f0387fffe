"""Coverage-guided fuzzing of what reads a hostile host's bytes: `python -m tests.fuzz NAME [libFuzzer's options]`."""
