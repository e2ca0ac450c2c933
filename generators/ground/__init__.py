"""What the other rooms stand on: strict JSON forms, whole files, random access draws, compiled kernels."""
