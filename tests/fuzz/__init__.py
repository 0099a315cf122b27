"""The fuzzer: mutated inputs for every reader, and whether every renderer stays in order."""
