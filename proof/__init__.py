"""What shows that the promises hold: long runs, by us and for whoever doubts; never installed."""
