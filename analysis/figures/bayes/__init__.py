"""The loss of a perfect model at the paper's sizes."""
