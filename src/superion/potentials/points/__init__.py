"""Which of the training environments become sparse points."""
