"""Command lines over the pure functions of `components/`; the program does not need them."""
