"""Read recorded traffic: HAR files, VCR cassettes and journals."""
