"""The figures: experiments, measurements, plots and the report."""
