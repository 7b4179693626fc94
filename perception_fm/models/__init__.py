"""Networks, the zoo of named models, and the way from their raw outputs to dense predictions."""
