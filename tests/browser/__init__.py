"""Tests in a real Chromium; a package, so that one server serves all of them and ends with the last."""
