INSERT INTO netcancel.meta (name, value) VALUES (:name, :value)
