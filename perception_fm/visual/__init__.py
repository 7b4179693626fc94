"""Pictures for people: the overlay, its video, the plots."""
