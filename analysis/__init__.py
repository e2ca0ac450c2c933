"""The figures: experiments, measurements, plots and the report."""

import lo_theory as lo_theory  # before any other: it says so if a file of somebody else's hides one of our packages
