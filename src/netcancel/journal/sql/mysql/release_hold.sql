UPDATE netcancel_hold SET released_at = :now, released_by = :released_by, note = :note
WHERE released_at IS NULL
