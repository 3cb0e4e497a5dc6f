"""How good predictions are: scores, their bootstrap intervals, and whether they show any skill."""
