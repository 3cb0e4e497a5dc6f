"""What held-out rows say: nested scores, intervals, applicability, stability, ablation."""
