"""From trajectories and predictions to results with uncertainties.."""
