"""Help for the test suites of those who use netcancel."""
