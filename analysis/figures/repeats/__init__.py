"""Few data, met again and again: ARM, MDM and an ARM with dropout, by the number of epochs."""
