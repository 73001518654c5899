SELECT value FROM netcancel_meta WHERE name = :name
