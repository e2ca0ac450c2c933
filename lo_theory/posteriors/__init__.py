"""Exact answers, by enumeration, elimination or over GF(2); what contradictions get; errors added on purpose."""
