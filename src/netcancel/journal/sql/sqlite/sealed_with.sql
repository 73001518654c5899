SELECT seq, id, world, tid, merc_trx_no, sealed_key FROM payment
WHERE sealed_key IS NOT NULL AND substr(sealed_key, 2, 8) = :key_id AND seq > :after
ORDER BY seq LIMIT :limit
