INSERT INTO hold (reason, held_at) VALUES (:reason, :now)
