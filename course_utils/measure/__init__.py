"""Every number that the course prints: the critic, the measures, each with its equation and its source."""
