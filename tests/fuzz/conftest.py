"""Atheris, which guides the fuzzing, has packages for Linux on x86-64 and Python 3.11 to 3.13 alone."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("atheris") else ["test_dialogue.py"]
