-- The last of the tables gets its name when all is made.
SELECT EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'netcancel_meta') AS is_made
