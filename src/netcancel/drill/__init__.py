"""A rehearsal of lost answers, kills and pauses under a merchant's own policy, and its report."""
