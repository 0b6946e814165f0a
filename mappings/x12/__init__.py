"""X12 5010: claims written as 837I and 837P, and what comes back (999, 277CA, 835) read."""
