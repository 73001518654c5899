UPDATE netcancel_meta SET value = :rewrapped WHERE name = 'secret' AND value = :sealed_key
