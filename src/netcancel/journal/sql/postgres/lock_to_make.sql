-- "netcanc", as a number: one makes them at a time.
SELECT pg_advisory_xact_lock(7954874416843714659) IS NOT NULL AS is_ours
