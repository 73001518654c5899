INSERT INTO netcancel_hold (reason, held_at) VALUES (:reason, :now)
