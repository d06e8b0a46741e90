"""What a model says of a crystal: relaxation, compression, elasticity, phonons, defects, locality."""
