"""Reading structures and labels, census, duplicates, splitting.."""
