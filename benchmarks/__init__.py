"""Side-by-side measures of what the program deploys. Never part of the tests: machines differ."""
