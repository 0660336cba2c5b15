"""Settings of all tests. Compiled kernels stay where users have them, so that a second run of the tests is quick."""

from hypothesis import settings

# A shared machine stalls now and then; how long one example took says nothing about the code.
settings.register_profile("rnnfast", deadline=None)
settings.load_profile("rnnfast")
