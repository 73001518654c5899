INSERT INTO netcancel.hold (reason, held_at) VALUES (:reason, :now)
