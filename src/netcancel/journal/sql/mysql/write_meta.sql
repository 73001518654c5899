INSERT INTO netcancel_meta (name, value) VALUES (:name, :value)
