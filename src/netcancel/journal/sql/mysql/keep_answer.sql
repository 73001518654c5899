INSERT INTO netcancel_kept_answer (payment, asked, sealed)
SELECT seq, :asked, :sealed FROM netcancel_payment WHERE id = :id
ON DUPLICATE KEY UPDATE sealed = VALUES(sealed)
