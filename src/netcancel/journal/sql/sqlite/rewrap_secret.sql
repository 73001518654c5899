UPDATE meta SET value = :rewrapped WHERE name = 'secret' AND value = :sealed_key
