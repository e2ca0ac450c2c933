"""Bounds on parallel decoding beside its exact loss, and the schedules that they recommend."""
