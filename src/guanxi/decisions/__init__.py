"""From predictions to decisions: indicators, weights, scores, segments."""
