"""Compute against loss on text: ARM, MDM, pi-learners of three kinds of orders, and one model along many orders."""
