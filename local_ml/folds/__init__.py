"""How rows are split for validation: four designs, and the distances that make them."""
