SELECT reason, held_at FROM netcancel_hold WHERE released_at IS NULL
