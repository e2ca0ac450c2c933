"""What is written: its likelihood under the truth beside its distance from the truth, rule by rule and call by call."""
