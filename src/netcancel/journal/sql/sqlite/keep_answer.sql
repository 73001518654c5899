INSERT OR REPLACE INTO kept_answer (payment, asked, sealed)
SELECT seq, :asked, :sealed FROM payment WHERE id = :id
