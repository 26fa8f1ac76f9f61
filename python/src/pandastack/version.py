"""Which one this is."""

__version__ = "1.0.0a0"

USER_AGENT = f"pandastack-python/{__version__}"
