"""How operators hear of what happens; one file per sink."""
