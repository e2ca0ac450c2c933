"""Observation functions: tables, hashes, slabs, rules, and noise over any of them, each with its scopes."""
