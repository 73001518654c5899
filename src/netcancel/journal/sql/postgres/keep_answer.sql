INSERT INTO netcancel.kept_answer (payment, asked, sealed)
SELECT seq, :asked, :sealed FROM netcancel.payment WHERE id = :id
ON CONFLICT (payment, asked) DO UPDATE SET sealed = EXCLUDED.sealed
