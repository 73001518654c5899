SELECT value FROM netcancel.meta WHERE name = :name
