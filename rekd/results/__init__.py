"""Results: which runs the project claims something with, what they measured, and what follows from it."""
