"""How the vehicle and the actors move, and what the vehicle's own sensors say of it."""
