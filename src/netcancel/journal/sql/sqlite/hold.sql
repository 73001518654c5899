SELECT reason, held_at FROM hold WHERE released_at IS NULL
