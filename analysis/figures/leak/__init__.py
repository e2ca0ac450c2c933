"""The same planted instances with observations of value 0 hidden and visible."""
