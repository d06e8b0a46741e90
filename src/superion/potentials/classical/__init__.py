"""Classical force fields with polarizable ions, and their fit."""
