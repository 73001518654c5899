SELECT pg_advisory_xact_lock(7954874416843714659) -- "netcanc", as a number: one maker at a time
