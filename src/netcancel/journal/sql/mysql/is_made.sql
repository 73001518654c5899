-- The mark is the last that its making writes.
SELECT EXISTS (
    SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'netcancel_meta' AND table_comment = 'made'
) AS is_made
