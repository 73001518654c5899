SELECT to_regclass('netcancel.meta') IS NOT NULL AS is_made
