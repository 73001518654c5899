SELECT seq, id, world, tid, merc_trx_no, sealed_key FROM netcancel_payment
WHERE key_id = :key_id AND seq > :after ORDER BY seq LIMIT :limit
