UPDATE netcancel_meta SET value = :value WHERE name = :name
