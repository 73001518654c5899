UPDATE netcancel.meta SET value = :value WHERE name = :name
