SELECT reason, held_at FROM netcancel.hold WHERE released_at IS NULL
