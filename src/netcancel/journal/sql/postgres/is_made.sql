-- Asked of the catalogue itself: another session may have made it a moment ago.
SELECT EXISTS (
    SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'netcancel' AND c.relname = 'meta') AS is_made
