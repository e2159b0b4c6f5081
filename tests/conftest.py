"""For all tests: property tests are repeatable and are not judged by the clock of a busy machine."""

from hypothesis import settings

settings.register_profile("postroom", deadline=None, derandomize=True)
settings.load_profile("postroom")
