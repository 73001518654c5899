"""What writes parts of the documentation from the code; run by hand, never installed."""
