"""Fixtures of the form's tests."""

from forms import form_house, started  # noqa: F401
