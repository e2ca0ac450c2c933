"""Datasets on disk: shards of rows and the manifest that says what they are."""
