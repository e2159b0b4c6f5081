"""What can go wrong in a measurement without being a mistake in the benchmark's code."""


class BenchError(Exception):
    """A server did not do what a row needs; the row is left out and the reason is told."""


class Unavailable(Exception):
    """What a row is about does not exist here (a setting, a program); the page says so."""
