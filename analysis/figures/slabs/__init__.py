"""Random slabs: state evolution and message passing."""
